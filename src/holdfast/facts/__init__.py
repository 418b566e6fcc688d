"""What a log says, in plain words: facts, numbers as people read them, and what a page is made of."""
