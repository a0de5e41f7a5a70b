"""Tables read from text, Parquet, NumPy and svmlight files.

Every problem with a file becomes one `InputError` that states what was given, what is expected and
what to do, and names the column and the row.
"""
