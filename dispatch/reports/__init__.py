"""Reports: figures of response times, the periods they are of, and how they are written.

Pure: rows come in, figures and text go out. Must not know the database or HTTP.
"""
