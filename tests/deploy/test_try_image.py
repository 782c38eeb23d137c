"""What `make image` refuses to call a good image; that it builds one, `make image` itself shows."""

import pytest

from deploy.image.try_image import Image, ImageFault, look_inside

GOOD = {
    "Env": ["PATH=/venv/bin"],
    "User": "10001:10001",
    "Entrypoint": ["tini", "--"],
    "Healthcheck": {"Test": ["CMD", "true"]},
    "WorkingDir": "/app",
}


@pytest.fixture
def root(tmp_path):
    for folder in ("app", "venv/bin", "usr/bin", "usr/local/bin", "etc"):
        (tmp_path / folder).mkdir(parents=True)
    return tmp_path


def test_an_image_as_it_must_be_is_told_by_its_size(root):
    (root / "venv" / "bin" / "python").write_bytes(b"x" * 3_000_000)

    assert look_inside(Image(root, GOOD)) == (
        "no compiler, no pip, no .env, no tests in it; 3 MB, of them 3 MB of Python packages"
    )


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("usr/bin/gcc", "gcc"),
        ("usr/local/bin/make", "make"),
        ("venv/bin/pip", "pip"),
        ("usr/local/bin/pip3", "pip3"),
        ("usr/lib/python3/dist-packages/pip/__init__.py", "the module pip"),
        ("usr/local/lib/python3.14/ensurepip/__init__.py", "the module ensurepip"),
        ("venv/lib/python3.14/site-packages/setuptools/__init__.py", "the module setuptools"),
        ("app/.env", ".env"),
        ("app/tests", "tests"),
        ("etc/pip.conf", "the machine's pip configuration"),
    ],
)
def test_what_does_not_belong_into_it_is_named(root, path, name):
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text("something")

    with pytest.raises(ImageFault, match=f"^the image has: {name}$"):
        look_inside(Image(root, GOOD))


@pytest.mark.parametrize(("key", "value"), [("User", "root"), ("Entrypoint", []), ("Healthcheck", None)])
def test_an_image_that_is_started_otherwise_is_refused(root, key, value):
    with pytest.raises(ImageFault, match="user, entry point and health check are"):
        look_inside(Image(root, {**GOOD, key: value}))
