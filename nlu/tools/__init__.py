"""What operations people tune understanding with: measuring, linting, explaining, comparing, clustering, editing training data.

Plain functions from data to values, without a terminal; `nlu.cli` shows them. May import all of `nlu` but `nlu.cli`.
"""
