"""Many runs of one shape as one program: every matrix product and every draw is one call for all of them."""
