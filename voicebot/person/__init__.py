"""All that is kept of one caller, by their telephone number: found, exported, or deleted (GDPR, articles 15, 17 and 20).

`stores.opened` reaches what is kept, `finding` looks, `export` and `erasing` do.
"""
