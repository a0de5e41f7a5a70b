# R's glmnet for with_rglmnet.py.  Standard input: lines "load FOLDER", each with the folder of a
# problem, and "solve TOL TIMES".  Answers: "ready", and the wall and processor seconds of one path and
# its number of alphas, its coefficients being in coef_{p,i,x}.bin, those of one class beside those of
# another.  With folds it runs cv.glmnet and writes the mean errors (squared errors, deviances, minus
# areas) to errors.bin.
suppressMessages({
  library(Matrix)
  library(glmnet)
})
glmnet.control(fdev = 0, devmax = 1)

read_problem <- function(folder) {
  numbers <- function(name, what = "double") {
    path <- file.path(folder, paste0(name, ".bin"))
    readBin(path, what, file.size(path) / if (what == "integer") 4 else 8)
  }
  shape <- numbers("shape", "integer")
  if (file.exists(file.path(folder, "indptr.bin"))) {
    X <- new("dgCMatrix", i = numbers("indices", "integer"), p = numbers("indptr", "integer"),
             x = numbers("data"), Dim = shape)
  } else {
    X <- matrix(numbers("data"), shape[1], shape[2])
  }
  words <- readLines(file.path(folder, "family.txt"))
  family <- words[1]
  y <- numbers("y")
  if (family == "cox") y <- matrix(y, ncol = 2, dimnames = list(NULL, c("time", "status")))
  given <- list(X, y, family = family, alpha = numbers("ratio"), lambda = numbers("lambda"), standardize = FALSE,
                penalty.factor = numbers("factors"), maxit = 1e8)
  if (family == "multinomial") given$type.multinomial <- words[2]
  solve <- glmnet
  if (file.exists(file.path(folder, "folds.bin"))) {
    given$foldid <- numbers("folds", "integer")
    given$type.measure <- words[3]
    solve <- cv.glmnet
  }
  list(folder = folder, given = given, solve = solve, sign = if (words[3] == "auc") -1 else 1)
}

answer <- function(problem, tol, times) {
  began <- proc.time()
  for (k in seq_len(times)) {
    fit <- do.call(problem$solve, c(problem$given, thresh = tol))
  }
  taken <- (proc.time() - began) / times
  processor <- taken[["user.self"]] + taken[["sys.self"]]
  if (!is.null(problem$given$foldid)) {
    writeBin(problem$sign * fit$cvm, file.path(problem$folder, "errors.bin"))
    fit <- fit$glmnet.fit
  }
  beta <- if (is.list(fit$beta)) do.call(cbind, fit$beta) else fit$beta
  for (part in c("p", "i", "x")) {
    writeBin(slot(beta, part), file.path(problem$folder, paste0("coef_", part, ".bin")))
  }
  cat(format(taken[["elapsed"]], digits = 10), format(processor, digits = 10), length(fit$lambda), "\n")
}

input <- file("stdin")
open(input)
problem <- NULL
while (length(line <- readLines(input, 1)) == 1) {
  request <- strsplit(line, " ")[[1]]
  if (request[1] == "load") {
    problem <- read_problem(substring(line, 6))
    cat("ready\n")
  } else {
    answer(problem, as.numeric(request[2]), as.numeric(request[3]))
  }
}
