"""Templates as files: declared, checked, handed in to Meta, and kept in step with what Meta makes of them."""
