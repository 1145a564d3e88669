"""How a frozen model is prepared: the plan of its steps, what each computes on kernels, and which of them together are a program."""
