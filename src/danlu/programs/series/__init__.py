"""Every series of numbers that a program tells, found in one recorded run of it."""
