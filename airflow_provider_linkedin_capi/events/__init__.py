"""One warehouse row in, one conversion event or one precise reason why not out."""
