from setuptools import setup

setup(
    name="my-template-2",
    python_requires=">=3.8",
)
