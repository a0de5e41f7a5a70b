"""Generator of a C99 header for a network: constant arrays, plain loops, stack memory only.

The code performs the same steps as a plan, for one sample at a time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from softreg_fast.nn.deployment.layers import Graph
from softreg_fast.nn.deployment.lowering import Lowered, Matrix, lower

# Keywords of C, and main.
WORDS = """auto break case char const continue default do double else enum extern float for goto if
inline int long register restrict return short signed sizeof static struct switch typedef union
unsigned void volatile while main"""
RESERVED = frozenset(WORDS.split())

FORMATS = ("dense", "block8", "csr")

FUNCTIONS = {
    "dense": """
/* y[r] = b[r] + sum_k w[r, k] x[at[k]], for `run` neighbouring x */
static void @_dense(uint32_t rows, uint32_t n, const T *w, const T *b, const @_index *at,
                    uint32_t run, uint32_t pitch, const T *x, T *y)
{
    uint32_t r, q, k;
    for (r = 0; r < rows; r++)
        for (q = 0; q < run; q++) {
            T s = b[r];
            for (k = 0; k < n; k++)
                s += w[r * n + k] * x[at[k] + q];
            y[r * pitch + q] = s;
        }
}
""",
    "panels": """
/* the same, where each panel of `height` rows has inputs of its own: at[starts[p]] ... */
static void @_panels(uint32_t rows, uint32_t height, const uint32_t *starts, const T *w, const T *b,
                     const @_index *at, uint32_t run, uint32_t pitch, const T *x, T *y)
{
    uint32_t r, q, k;
    for (r = 0; r < rows; r++) {
        const uint32_t p = r / height, own = r % height;
        for (q = 0; q < run; q++) {
            T s = b[r];
            for (k = starts[p]; k < starts[p + 1]; k++)
                s += w[k * height + own] * x[at[k] + q];
            y[r * pitch + q] = s;
        }
    }
}
""",
    "pad": """
/* planes with zeros around them, split into phases where a convolution has strides */
static void @_pad(const uint32_t *n, const T *x, T *y)
{
    /* n: planes, height, width, pitch of rows, of planes; rows, columns; strides; padding */
    uint32_t c, i, j, row, column;
    for (c = 0; c < n[0]; c++)
        for (i = 0; i < n[7]; i++)
            for (j = 0; j < n[8]; j++)
                for (row = 0; row < n[5]; row++)
                    for (column = 0; column < n[6]; column++) {
                        const uint32_t from = row * n[7] + i, at = column * n[8] + j;
                        const int inside = from >= n[9] && from < n[9] + n[1] && at >= n[10]
                                           && at < n[10] + n[2];
                        *y++ = inside ? x[c * n[4] + (from - n[9]) * n[3] + (at - n[10])] : 0;
                    }
}
""",
    "pool": """
/* largest entry (mean: divided by `by`, or by the number of entries) of windows */
static void @_pool(const uint32_t *n, int largest, T by, const T *x, T *y)
{
    /* n: planes, height, width, pitch of rows, of planes; rows, columns;
       strides; padding; window */
    uint32_t c, i, j, row, column;
    for (c = 0; c < n[0]; c++)
        for (row = 0; row < n[5]; row++)
            for (column = 0; column < n[6]; column++) {
                T s = 0;
                uint32_t entries = 0;
                for (i = row * n[7]; i < row * n[7] + n[11]; i++)
                    for (j = column * n[8]; j < column * n[8] + n[12]; j++)
                        if (i >= n[9] && i < n[9] + n[1] && j >= n[10] && j < n[10] + n[2]) {
                            const T each = x[c * n[4] + (i - n[9]) * n[3] + (j - n[10])];
                            if (!largest)
                                s += each;
                            else if (entries == 0 || each > s || each != each)
                                s = each;
                            entries++;
                        }
                *y++ = largest ? s : s / (by > 0 ? by : (T)entries);
            }
}
""",
    "softmax": """
/* exp(x) / sum(exp(x)) or its logarithm, in place */
static void @_softmax(uint32_t n, int take_log, T *x)
{
    T most = x[0], sum = 0;
    uint32_t i;
    for (i = 1; i < n; i++)
        most = x[i] > most ? x[i] : most;
    for (i = 0; i < n; i++)
        sum += EXP(x[i] - most);
    for (i = 0; i < n; i++)
        x[i] = take_log ? x[i] - most - LOG(sum) : EXP(x[i] - most) / sum;
}
""",
    "lstm": """
/* one step of an LSTM from the gates u + v, in the order i, f, g, o */
static void @_lstm(uint32_t n, const T *u, const T *v, T *c, T *h)
{
    uint32_t k;
    for (k = 0; k < n; k++) {
        const T i = 1 / (1 + EXP(-(u[k] + v[k])));
        const T f = 1 / (1 + EXP(-(u[n + k] + v[n + k])));
        const T o = 1 / (1 + EXP(-(u[3 * n + k] + v[3 * n + k])));
        c[k] = f * c[k] + i * TANH(u[2 * n + k] + v[2 * n + k]);
        h[k] = o * TANH(c[k]);
    }
}
""",
    "gru": """
/* one step of a GRU from the gates u and v, in the order r, z, n */
static void @_gru(uint32_t n, const T *u, const T *v, T *c, T *h)
{
    uint32_t k;
    (void)c;
    for (k = 0; k < n; k++) {
        const T r = 1 / (1 + EXP(-(u[k] + v[k])));
        const T z = 1 / (1 + EXP(-(u[n + k] + v[n + k])));
        h[k] = (1 - z) * TANH(u[2 * n + k] + r * v[2 * n + k]) + z * h[k];
    }
}
""",
}

ACTIVATIONS = {
    "relu": "a[i] < 0 ? 0 : a[i]",
    "leaky_relu": "a[i] < 0 ? {a} * a[i] : a[i]",
    "elu": "a[i] < 0 ? {a} * (EXP(a[i]) - 1) : a[i]",
    "sigmoid": "1 / (1 + EXP(-a[i]))",
    "tanh": "TANH(a[i])",
    "silu": "a[i] / (1 + EXP(-a[i]))",
    "gelu": "a[i] * {half} * (1 + ERF(a[i] * {root}))",
    "gelu_tanh": "a[i] * {half} * (1 + TANH({c} * (a[i] + {d} * a[i] * a[i] * a[i])))",
    "clip": "a[i] < {a} ? {a} : a[i] > {b} ? {b} : a[i]",
}


def check_identifier(name: str) -> None:
    """Raise ValueError unless the name is a C identifier.

    Raises
    ------
    ValueError
    """
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name) or name in RESERVED:
        raise ValueError(
            f"name must be a C identifier of ASCII letters, digits and _ that starts with a letter "
            f"and is no word of the language; got {name!r}."
        )


def text_of(graph: Graph, name: str, formats: dict[str, str] | None = None) -> str:
    """Return the text of the header.

    formats: {matrix name: one of FORMATS}; None chooses the smallest for each.
    """
    check_identifier(name)
    return "".join(_Writer(graph, name, formats).pieces())


def matrices_of(graph: Graph) -> list[Matrix]:
    """Return the matrices of a network, in the order of its layers."""
    return lower(graph).matrices


def smallest(matrix: Matrix) -> str:
    """Return the format in which a matrix takes the fewest bytes."""
    return min(FORMATS, key=lambda form: n_bytes(matrix, form))


def n_bytes(matrix: Matrix, form: str) -> int:
    """Return the bytes of a matrix in a format, with indices of two bytes."""
    size = matrix.weight.dtype.itemsize
    if form == "dense":
        return int(matrix.weight.size * size + 2 * matrix.weight.shape[1])
    _, starts, offsets, w, _, _ = matrix.panels(form)
    return int(w.size * size + 2 * offsets.size + 4 * starts.size)


class _Writer:
    def __init__(self, graph: Graph, name: str, formats: dict[str, str] | None) -> None:
        self.graph, self.name = graph, name
        self.low: Lowered = lower(graph)
        self.formats = formats or {m.name: smallest(m) for m in self.low.matrices}
        self.wide = graph.dtype == np.float64
        self.needed: set[str] = set()
        self.data: list[str] = []
        self.body: list[str] = []
        arrays = [m.weight for m in self.low.matrices] + [m.bias for m in self.low.matrices]
        if not all(np.isfinite(x).all() for x in arrays):
            raise ValueError("Weights that are not finite cannot be written to a header.")
        for k, step in enumerate(self.low.steps):
            getattr(self, step["kind"])(k, step)

    def pieces(self) -> Iterator[str]:
        """Yield the parts of the file from top to bottom."""
        name, guard = self.name, f"{self.name.upper()}_NETWORK_H"
        taken = "int32_t" if self.graph.high else "T"
        n_in = int(np.prod(self.graph.input.shape))
        n_out, out = len(self.low.offsets), self.low.offsets
        index = "uint16_t" if self.low.n_positions < 2**16 else "uint32_t"
        real, f = ("double", "") if self.wide else ("float", "f")
        yield (
            f"/* A trained network: {n_in} numbers in, {n_out} out. Needs C99 and "
            f"{self.low.n_positions} numbers of stack.\n * Made by softreg_fast. */\n"
            f"#ifndef {guard}\n#define {guard}\n\n"
            f"#include <math.h>\n#include <stdint.h>\n\n"
            f"#define {name}_INPUTS {n_in}\n#define {name}_OUTPUTS {n_out}\n\n"
            f"typedef {index} {name}_index;\n"
        )
        words = {
            "T": real,
            "EXP": f"exp{f}",
            "LOG": f"log{f}",
            "TANH": f"tanh{f}",
            "ERF": f"erf{f}",
        }

        def in_c(text: str) -> str:
            text = re.sub(r"\b(T|EXP|LOG|TANH|ERF)\b", lambda m: words[m[1]], text)
            return text.replace("@", name)

        yield from (in_c(piece) for piece in self.data)
        yield from (in_c(text) for key, text in FUNCTIONS.items() if key in self.needed)
        first = (
            "" if self.graph.high else f"    for (i = 0; i < {n_in}; i++)\n        a[i] = x[i];\n"
        )
        contiguous = np.array_equal(out, out[0] + np.arange(n_out))
        if not contiguous:
            yield in_c(self.array("@_index", "@_out", out))
        last = f"a[{out[0]} + i]" if contiguous else "a[@_out[i]]"
        yield in_c(
            f"\n/* y[{n_out}] of x[{n_in}] */\n"
            f"static inline void @_predict(const {taken} *x, T *y)\n{{\n"
            f"    T a[{self.low.n_positions}] = {{0}};\n    uint32_t i, l;\n"
            f"{first}{''.join(self.body)}"
            f"    (void)l;\n    for (i = 0; i < {n_out}; i++)\n        y[i] = {last};\n}}\n\n"
            f"#endif\n"
        )

    # --- numbers

    def number(self, x: Any) -> str:
        """Format a number with the fewest digits that read back exactly."""
        return str(float(x)) if self.wide else f"{np.float32(x)!s}f"

    def array(self, kind: str, name: str, x: Any) -> str:
        """Format a constant array; an empty one gets one zero, since C has no empty arrays."""
        x = np.asarray(x).reshape(-1)
        x = x if x.size else np.zeros(1, x.dtype)
        said = [self.number(v) for v in x] if x.dtype.kind == "f" else [str(v) for v in x]
        lines, line = [], ""
        for each in said:
            if len(line) + len(each) > 94:
                lines.append(line)
                line = ""
            line += each + ", "
        lines.append(line)
        body = "\n".join("    " + line.rstrip() for line in lines)
        return f"\nstatic const {kind} {name}[{len(said)}] = {{\n{body.rstrip(',')}\n}};\n"

    def matrix(self, tag: str, W: Any, x: str, y: str, run: int, pitch: int) -> str:
        """Add the data of a matrix, and return the C call that multiplies by it."""
        form = self.formats[W.name] if isinstance(W, Matrix) else "csr"
        if isinstance(W, Matrix):
            self.data.append(f"\n/* {re.sub(r'[^A-Za-z0-9_.]', ' ', W.name)} */")
        if form == "dense":
            self.needed.add("dense")
            rows, n = W.weight.shape
            w, b, at = W.weight, W.bias, W.offsets
            head = f"@_dense({rows}, {n}, "
        else:
            self.needed.add("panels")
            height, starts, at, w, b, _ = W.panels(form) if isinstance(W, Matrix) else W
            rows = len(W.bias) if isinstance(W, Matrix) else len(b)
            self.data.append(self.array("uint32_t", f"@_starts{tag}", starts))
            head = f"@_panels({rows}, {height}, @_starts{tag}, "
        self.data.append(self.array("T", f"@_w{tag}", w))
        self.data.append(self.array("T", f"@_b{tag}", np.asarray(b)[:rows]))
        self.data.append(self.array("@_index", f"@_at{tag}", at))
        return f"{head}@_w{tag}, @_b{tag}, @_at{tag}, {run}, {pitch}, {x}, {y});"

    # --- steps

    def affine(self, k: int, S: dict[str, Any]) -> None:
        repeat, x_step, y_step = S["repeat"], S.get("x_step", 0), S.get("y_step", 0)
        x, y = "a", f"a + {S['y']}"
        if repeat > 1:
            x, y = f"a + l * {x_step}", f"{y} + l * {y_step}"
        call = self.matrix(str(k), S["W"], x, y, S["run"], S["pitch"])
        loop = f"    for (l = 0; l < {repeat}; l++)\n    " if repeat > 1 else ""
        self.body.append(f"{loop}    {call}\n")

    def planes(self, S: dict[str, Any], *more: str) -> str:
        """Format the sizes of planes as a C compound literal."""
        names = (
            "n",
            "height",
            "width",
            "x_pitch",
            "x_plane",
            "out_height",
            "out_width",
            "stride_y",
            "stride_x",
            "pad_y",
            "pad_x",
            *more,
        )
        return "(const uint32_t[]){" + ", ".join(str(S[name]) for name in names) + "}"

    def pad(self, k: int, S: dict[str, Any]) -> None:
        self.needed.add("pad")
        self.body.append(f"    @_pad({self.planes(S)}, a + {S['x']}, a + {S['y']});\n")

    def pool(self, k: int, S: dict[str, Any]) -> None:
        self.needed.add("pool")
        largest = int(S["kind"] == "max_pool")
        sizes = self.planes(S, "size_y", "size_x")
        by = self.number(S["a"])
        self.body.append(f"    @_pool({sizes}, {largest}, {by}, a + {S['x']}, a + {S['y']});\n")

    max_pool = mean_pool = pool

    def add(self, k: int, S: dict[str, Any]) -> None:
        self.body.append(
            f"    for (i = 0; i < {S['n']}; i++)\n"
            f"        a[{S['y']} + i] = a[{S['x']} + i] + a[{S['x2']} + i];\n"
        )

    def activate(self, k: int, S: dict[str, Any]) -> None:
        numbers = {
            key: self.number(value)
            for key, value in {
                "a": S["a"],
                "b": S["b"],
                "half": 0.5,
                "root": 0.5**0.5,
                "c": (2 / np.pi) ** 0.5,
                "d": 0.044715,
            }.items()
        }
        formula = ACTIVATIONS[S["activation"]].format(**numbers)
        self.body.append(
            f"    for (i = {S['y']}; i < {S['y'] + S['n']}; i++)\n        a[i] = {formula};\n"
        )

    def softmax(self, k: int, S: dict[str, Any]) -> None:
        self.needed.add("softmax")
        self.body.append(
            f"    for (l = 0; l < {S['repeat']}; l++)\n"
            f"        @_softmax({S['n']}, {S['log']}, a + {S['y']} + l * {S['n']});\n"
        )

    def embed(self, k: int, S: dict[str, Any]) -> None:
        n = S["n"]
        self.data.append(self.array("T", f"@_w{k}", S["W"][3]))
        self.body.append(
            f"    for (l = 0; l < {S['repeat']}; l++)\n        for (i = 0; i < {n}; i++)\n"
            f"            a[{S['y']} + l * {n} + i] = @_w{k}[x[l] * {n} + (int32_t)i];\n"
        )

    def recur(self, k: int, S: dict[str, Any]) -> None:
        self.needed.add(S["kind"])
        work, n, run, pitch = S["x2"], S["n"], S["run"], S["pitch"]
        u, v, c, h = work, work + run, work + 2 * run, work + 2 * run + pitch
        x = f"a + l * {S['x_step']}"
        first = self.matrix(f"{k}w", S["W"], x, f"a + {u}", 1, 1)
        second = self.matrix(f"{k}u", S["U"], f"a + {h}", f"a + {v}", 1, 1)
        self.body.append(
            f"    for (i = {c}; i < {h + n}; i++)\n        a[i] = 0;\n"
            f"    for (l = 0; l < {S['repeat']}; l++) {{\n        {first}\n        {second}\n"
            f"        @_{S['kind']}({n}, a + {u}, a + {v}, a + {c}, a + {h});\n"
            f"        for (i = 0; i < {n}; i++)\n"
            f"            a[{S['y']} + l * {S['y_step']} + i] = a[{h} + i];\n    }}\n"
        )

    lstm = gru = recur
