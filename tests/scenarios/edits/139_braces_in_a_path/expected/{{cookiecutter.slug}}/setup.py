from setuptools import setup

setup(
    name="x",
    python_requires=">=3.10",
)
