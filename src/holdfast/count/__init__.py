"""What a model learned and what was chosen for it, counted: from a shape, a file's header or a live object.

Nothing here imports torch or scikit-learn, reads a weight, or runs code that a file names.
"""
