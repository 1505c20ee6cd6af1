"""The words of OKX v5: paths, parameters, rows, codes. What is said here is what unmodified clients expect to hear."""
