"""Personal numbers out of text, before anything is stored, logged or shown. `redact` is the stage that everything written passes.

Numbers are read first (`dictation`), however they are spaced, punctuated or dictated; those that are plainly something else
(amounts, dates, hours, addresses, counts: `harmless`) are set aside; the others are joined where they are one (`runs`) and judged
by what they could be (PESEL, card by Luhn, account, phone, a run of six digits or more: `judging`) and by what is said before and
after them ("pin", "kod z tyłu karty": `naming`). In doubt the number goes. `turns` looks across the turns of a call.
"""
