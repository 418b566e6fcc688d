"""Trials that train from rung to rung: who goes on, in which brackets, and what their losses say of the last rung."""
