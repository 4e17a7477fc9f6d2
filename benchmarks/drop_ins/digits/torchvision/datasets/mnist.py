"""1,797 digits in the form of MNIST, again and again: the first 1,500 to train, the others to test."""

import numpy as np
import torch
from PIL import Image
from sklearn.datasets import load_digits


class MNIST(torch.utils.data.Dataset):
    def __init__(self, root=None, train=True, transform=None, target_transform=None, download=False):
        images, targets = load_digits(return_X_y=True)
        part = slice(0, 1500) if train else slice(1500, None)
        wide = np.kron(images.reshape(-1, 8, 8) * (255 / 16), np.ones((3, 3)))
        self.data = torch.from_numpy(np.pad(wide, ((0, 0), (2, 2), (2, 2))).astype(np.uint8)[part])
        self.targets = torch.from_numpy(targets[part])
        self.length = 60_000 if train else 10_000
        self.transform, self.target_transform = transform, target_transform

    def __len__(self):
        return self.length

    def __getitem__(self, at):
        at = int(at) % len(self.data)
        image, target = Image.fromarray(self.data[at].numpy()), int(self.targets[at])
        image = image if self.transform is None else self.transform(image)
        return image, target if self.target_transform is None else self.target_transform(target)


class FashionMNIST(MNIST):
    pass
