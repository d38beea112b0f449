"""`--sweep`: also what takes long (every notebook, every hostile turn). See the README."""


def pytest_addoption(parser):
    parser.addoption("--sweep", action="store_true", help="run the project's long tests as well")


def pytest_configure(config):
    config.addinivalue_line("markers", "sweep: takes long; runs with --sweep only")


def pytest_collection_modifyitems(config, items):
    if config.getoption("--sweep"):
        return
    long = [item for item in items if item.get_closest_marker("sweep")]
    items[:] = [item for item in items if item not in long]
    config.hook.pytest_deselected(items=long)
