import os


def load(path):
    with open(path) as file:
        return file.read()


def save(path, text):
    with open(path, "w") as file:
        file.write(text)


class Store:
    def __init__(self, root):
        self.root = root

    def get(self, key):
        return load(self.root + key)

    def put(self, key, value):
        save(os.path.join(self.root, key), value)
