"""Spreadsheets as the world sends them: one tolerant reader for every import and for replays.

text      bytes → text, in the encodings that spreadsheets write
table     text → heads and rows, whatever separates the cells; which head is which column
cells     what a cell says: nothing, yes or no, a number, a day
times     times of every form, with what they leave open; durations

Must not know what any row is about.
"""
