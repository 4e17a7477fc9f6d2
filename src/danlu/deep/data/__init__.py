"""Data as a network meets it: parts that never mix, epochs, augmentation."""
