"""The explorer: one page on which a convolution is seen, forwards and backwards.

One rule: it shows the arrays and models that it is handed, and the page computes everything itself, in the browser.
"""
