"""Constants that several solvers share."""

cdef extern from *:
    """
    #define SR_EXACT 1e-13
    #define SR_OPEN_PART 0.2
    #define SR_CANDIDATES_PART 0.5
    #define SR_LARGEST_FOR_GRAM 10.0
    #define SR_ROUNDING 1e-31
    """
    # The warm engines iterate down to this gap (rounding level) even if `tol` is larger.
    const double EXACT "SR_EXACT"

    # For squared error they compute and store the slopes of all features when screening leaves more
    # than OPEN_PART of them as candidates, or when CANDIDATES_PART of X has been read for those
    # since the last full scan.
    const double OPEN_PART "SR_OPEN_PART"
    const double CANDIDATES_PART "SR_CANDIDATES_PART"

    # Largest sum of |u| up to which the gap is computed from the Gram matrix: there its rounding
    # error is some 1e-14.
    const double LARGEST_FOR_GRAM "SR_LARGEST_FOR_GRAM"

    # Squared move of an epoch of plain descent that counts as rounding error, in units of ||y||^2.
    const double ROUNDING "SR_ROUNDING"

# What `solve` returns: the gap is at most tol; the epochs were too few; no more progress is
# possible; more slots are needed than allowed.
cdef enum:
    CONVERGED = 0
    MAX_ITER = 1
    STALLED = 2
    NO_ROOM = 3

cdef enum:
    # Entries that may be read, or multiplied, between two checks for pending signals: some 10 ms.
    ENTRIES_PER_SIGNAL_CHECK = 20_000_000

    # Epochs of plain descent between two evaluations of the gap.
    EPOCHS_PER_GAP = 10

    # Rounds without progress after which solvers of rows give up; a third of it while the support
    # no longer changes.
    MOST_IN_VAIN = 60

    # Maximum number of unpenalised features that plain descent solves for jointly.
    LARGEST_BLOCK = 2_000
