"""What a recording studio sends: read whatever its format, measured, and brought to the level of all prompts.

For the command line, never for a call. A file is hostile input: bounded in size and length, and formats that libsndfile does not
read are decoded in a process of their own.
"""
