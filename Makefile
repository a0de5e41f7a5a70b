# Everything is installed in .venv; nothing else on the machine is changed.  A target first does
# its own set-up and repeats only steps whose inputs have changed.
#
#   make demo      show what the package does    make test      run the tests
#   make bench     run the benchmarks            make lint      formatting and style
#   make types     type checks                   make format    apply the formatting
#   make pyright   the types that users see, as pyright sees them
#   make checked   kernel tests, bounds checked  make serial    tests without OpenMP
#   make clang     kernel tests, built by clang  make oldest    tests, oldest dependencies
#   make stress    slow tests of reliability     make fuzz      malformed matrices and files
#   make sanitize  kernel tests under AddressSanitizer and UndefinedBehaviorSanitizer
#   make sklearn-tests  scikit-learn's own tests of linear models, run on ours
#   make plain     kernel tests, scalar loops    make wheel     build and test a wheel for Linux
#   make nn-tests  tests of networks, with PyTorch and Keras
#   make keras-tests  the Keras tests on JAX and on TensorFlow
#   make musl      compile the kernels for Linux with musl     make aarch64   and for Linux on ARM
#   make sdist-check  tests of an installation from the source archive
#   make docs      build the documentation into build/site, with its gallery
#   make bench-peers  compare with other packages
#   make bench-cv  compare cross-validation with other packages and with our own operations
#   make bench-losses  compare paths under logistic, Poisson, Cox and multinomial losses with other packages
#   make bench-penalties  compare paths under MCP, SCAD, SLOPE and groups with other packages
#   make bench-anatomy  measure the costs of our own paths: reads of X, memory, threads
#   make bench-multi-task  compare paths and fits of several targets with scikit-learn
#   make bench-builds  compare the speed of two builds: ARGS="OLD NEW", folders of two checkouts
#   make bench-nn  compare steps, inference and sparse training with PyTorch and others
#   make clean     delete what was built         make distclean delete .venv as well
#
# PYTHON names the Python that .venv is made from; ARGS is passed to the program of a target:
#   make demo PYTHON=python3.12        make test ARGS="-k kernels -x"

PYTHON ?= python3
VENV ?= .venv
ARGS ?=

python := $(VENV)/bin/python
# Stamps: empty files whose time is that of the last run of a step.
stamp := $(VENV)/.softreg
kernels := setup.py $(wildcard src/*.pyx src/*.pxd src/*.h softreg_fast/kernels/*.pxd)

# Ignore the user's active environment: only .venv counts.
export PYTHONNOUSERSITE := 1
export PIP_DISABLE_PIP_VERSION_CHECK := 1
unexport PYTHONPATH PYTHONHOME PIP_USER PIP_TARGET PIP_PREFIX PIP_REQUIRE_VIRTUALENV

.NOTPARALLEL:
.PHONY: build demo test docs stress fuzz nn-tests keras-tests sklearn-tests bench bench-peers bench-cv bench-anatomy \
	bench-losses bench-penalties bench-nn bench-multi-task bench-builds lint format types pyright musl aarch64 checked serial clang plain sanitize sdist-check \
	oldest wheel clean distclean

build: $(stamp)-build $(stamp)-install

demo: build $(stamp)-plot $(stamp)-tables
	$(python) -m softreg_fast demo $(ARGS)

test: build $(stamp)-test
	$(python) -m pytest $(ARGS)

bench: build $(stamp)-bench
	$(python) -m bench.run $(ARGS)

# The first run creates the packages' environments under build/peers.
bench-peers: build $(stamp)-bench
	$(python) -m bench.peers $(ARGS)

bench-cv: build $(stamp)-bench
	$(python) -m bench.cv $(ARGS)

bench-losses: build $(stamp)-bench
	$(python) -m bench.losses $(ARGS)

bench-penalties: build $(stamp)-bench
	$(python) -m bench.penalties $(ARGS)

# Results are kept under build/nn: it can be stopped at any time, and the next run continues.
bench-nn: build $(stamp)-bench $(stamp)-bench-nn
	$(python) -m pip install --quiet "$(TORCH)"
	$(python) -m pip install --quiet onnx onnxruntime
	$(python) -m bench.nn.site
	$(python) -m bench.nn.step
	$(python) -m bench.nn.inference
	OMP_NUM_THREADS=1 $(python) -m bench.nn.run $(ARGS)

bench-multi-task: build $(stamp)-bench
	$(python) -m bench.multi_task $(ARGS)

bench-anatomy: build $(stamp)-bench
	$(python) -m bench.anatomy $(ARGS)

bench-builds: build $(stamp)-bench
	$(python) -m bench.compare_builds $(ARGS)

# Newer PyTorch releases on PyPI download gigabytes for GPUs; set TORCH to choose another one.
TORCH ?= torch==2.13.0

# The Keras tests run on the backend named by KERAS_BACKEND, if it is installed.
KERAS ?= keras==3.15.1

nn-tests: build $(stamp)-test
	$(python) -m pip install --quiet "$(TORCH)"
	$(python) -m pip install --quiet "$(KERAS)" onnx onnxruntime
	OMP_NUM_THREADS=1 KERAS_BACKEND=torch $(python) -m pytest tests/nn tests/penalties \
		tests/bench/test_bench_nn.py tests/whole/test_examples.py $(ARGS)

# Keras on its other backends, each in its own environment under build that also sees the packages
# of .venv.  TensorFlow is too large, and too strict about versions, for .venv itself.
keras-tests: keras-tests-jax keras-tests-tensorflow

keras-tests-%: build $(stamp)-test build/keras-%/installed
	OMP_NUM_THREADS=1 KERAS_BACKEND=$* build/keras-$*/bin/python -m pytest tests/nn/keras \
		tests/whole/test_examples.py::test_a_keras_network_finds_its_inputs $(ARGS)

build/keras-%/installed: | build $(stamp)-test
	$(python) -m venv build/keras-$*
	$(python) tools/share_packages.py build/keras-$*/bin/python
	build/keras-$*/bin/python -m pip install --quiet "$(KERAS)" $(package_of_$*)
	@touch $@

.PRECIOUS: build/keras-%/installed

package_of_jax := jax
package_of_tensorflow := $(if $(filter Linux,$(shell uname)),tensorflow-cpu,tensorflow)

# The documentation has an environment of its own, which also sees the packages of .venv.  Its pages run
# with what is installed there; PyTorch and Keras are for those of networks.
docs: build build/sphinx/installed
	OMP_NUM_THREADS=1 build/sphinx/bin/python tools/pages.py --check --figures build/site-source/figures
	OMP_NUM_THREADS=1 build/sphinx/bin/python tools/build_site.py $(ARGS)

build/sphinx/installed: pyproject.toml | build
	$(python) -m venv build/sphinx
	$(python) tools/share_packages.py build/sphinx/bin/python
	build/sphinx/bin/python tools/install.py docs
	build/sphinx/bin/python -m pip install --quiet "$(TORCH)" "$(KERAS)" onnx
	@touch $@

sklearn-tests: build $(stamp)-test
	$(python) tools/sklearn_tests.py $(ARGS)

lint: $(stamp)-dev
	$(python) -m ruff check
	$(python) -m ruff format --check
	PATH="$(abspath $(VENV))/bin:$$PATH" cython-lint src  # it looks for pycodestyle in PATH

format: $(stamp)-dev
	$(python) -m ruff check --fix
	$(python) -m ruff format

types: build $(stamp)-dev
	$(python) -m mypy
	$(python) -m mypy.stubtest softreg_fast --mypy-config-file pyproject.toml \
		--ignore-unused-allowlist $(addprefix --allowlist ,$(wildcard tests/stubtest_allowlist.txt))

# Not among the tools of .venv until it is asked for: it brings a copy of Node.
pyright: build $(stamp)-test
	$(python) -m pip install --quiet "basedpyright>=1.30"
	$(VENV)/bin/basedpyright --pythonpath $(python)

stress: build $(stamp)-test
	$(python) -m pytest -m stress $(ARGS)

fuzz: build $(stamp)-test
	$(python) tests/fuzz.py $(ARGS)

checked serial clang plain sanitize: $(stamp)-test
	$(python) tools/try_build.py $@ $(ARGS)

# Into build/musl/lib and build/aarch64/lib, by Debian's musl-tools and gcc-aarch64-linux-gnu, with
# the headers of this Python; docs/reliability.md says how the result was tried.
musl: export SOFTREG_OPENMP := off  # Debian has no libgomp for musl
musl: compiler_of_system := musl-gcc
musl: name_of_system := x86_64-linux-musl
aarch64: compiler_of_system := aarch64-linux-gnu-gcc
aarch64: name_of_system := aarch64-linux-gnu
musl aarch64: $(stamp)-build
	CC=$(compiler_of_system) LDSHARED="$(compiler_of_system) -shared" \
		SETUPTOOLS_EXT_SUFFIX=.$$($(python) -c "import sys; print(sys.implementation.cache_tag)")-$(name_of_system).so \
		$(python) setup.py --quiet build --build-base build/$@ --build-lib build/$@/lib

sdist-check: $(stamp)-dev
	$(python) tools/try_build.py sdist $(ARGS)

oldest: $(stamp)-build
	$(python) tools/try_build.py oldest $(ARGS)

wheel: $(stamp)-build $(stamp)-wheel
	$(python) tools/try_build.py wheel $(ARGS)

# --- the steps behind the targets -------------------------------------------------------------

$(stamp)-environment: pyproject.toml
	@$(PYTHON) tools/preflight.py
	@$(python) -m pip --version >/dev/null 2>&1 || { \
		echo "making the environment $(VENV)"; $(PYTHON) -m venv --clear $(VENV); }
	$(python) tools/install.py build runtime
	@touch $@

# Compiled in place, so that messages are visible and only changed files are compiled.
$(stamp)-build: $(stamp)-environment $(kernels)
	$(python) setup.py --quiet build_ext --inplace
	@touch $@

# Everything is compiled already; this installs the metadata and the command line in .venv.
$(stamp)-install: $(stamp)-environment setup.py | $(stamp)-build
	$(python) -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(stamp)-plot $(stamp)-tables $(stamp)-test $(stamp)-bench $(stamp)-bench-nn $(stamp)-dev $(stamp)-wheel: $(stamp)-%: $(stamp)-environment
	$(python) tools/install.py $*
	@touch $@

clean:
	rm -rf build dist softreg_fast.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	rm -f softreg_fast/kernels/*.so $(stamp)-build $(stamp)-install
	find softreg_fast tests bench tools -name __pycache__ -prune -exec rm -rf {} +

distclean: clean
	test ! -e $(VENV)/pyvenv.cfg || rm -rf $(VENV)
