"""Problems as data, and what is expected of the packages on them."""
