"""Worksheets: numbers to work out with a pencil, another set for each seed.

records   what a sheet is: what is given, the questions, their answers, and the slips that one can make
short     numbers that are short to write, drawn until a sheet's conditions hold
sensor, backwards, through_time, policy, baseline   the five sheets
typeset   a sheet as the text of a Typst document
marking   which answers are right, and which slip explains the others
"""
