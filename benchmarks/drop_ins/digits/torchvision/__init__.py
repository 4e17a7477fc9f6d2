"""Stands in for torchvision where an example would download images: scikit-learn's digits, 28 by 28."""
