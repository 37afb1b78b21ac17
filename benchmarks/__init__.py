"""The numbers that the documents quote, for anyone to measure again: `make bench`, or one of them by
`python -m benchmarks.complete_journey`. A module that measures has a function `main`.
"""
