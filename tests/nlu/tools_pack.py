"""A pack of four intents, small enough to train in a blink."""

from __future__ import annotations

from pathlib import Path

INTENTS = """\
branches:
  emergency: {pl: pilne, en: emergency}
  account: {pl: konto, en: account}
intents:
  card_block: {pl: zastrzeżenie karty, en: block a card, branch: emergency, queue: card_emergency, emergency: true}
  balance: {pl: saldo, en: balance, branch: account, queue: self_service}
  mortgage: {pl: kredyt hipoteczny, en: mortgage, branch: account, queue: mortgage}
"""

LINES = {
    "card_block": """zgubiłam kartę w tramwaju
        ukradli mi kartę na dworcu proszę coś zrobić
        proszę zablokować kartę natychmiast
        bankomat połknął moją kartę wczoraj wieczorem
        chcę zastrzec kartę bo wypadła mi z kieszeni
        nie mogę znaleźć karty od rana
        karta zginęła gdzieś w sklepie
        ktoś wyjął mi kartę z torebki
        zastrzeżenie zgubionej karty
        skradziono portfel razem z kartą płatniczą
        zablokujcie moją kartę bo została w taksówce
        karty nie ma przepadła na basenie""",
    "balance": """ile mam pieniędzy na koncie
        jakie jest moje saldo
        chcę sprawdzić stan konta
        ile zostało środków na rachunku
        proszę podać saldo rachunku
        czy mam jeszcze coś na koncie
        dostępne środki poproszę
        saldo konta oszczędnościowego
        ile jest na rachunku po wypłacie
        sprawdzenie salda
        czy starczy mi środków do piątku
        stan rachunku na dzisiaj""",
    "mortgage": """chcę wziąć kredyt na mieszkanie
        interesuje mnie kredyt hipoteczny
        jaki wkład własny do hipoteki
        kupujemy dom i szukamy kredytu
        kredyt na budowę domu
        ile dostanę kredytu hipotecznego
        hipoteka dla młodego małżeństwa
        oferta kredytów mieszkaniowych
        na jaki procent jest hipoteka
        chcemy kupić działkę na kredyt
        warunki kredytu na mieszkanie od dewelopera
        zdolność do kredytu hipotecznego""",
    "out_of_scope": """jaka jutro będzie pogoda
        chciałem zamówić pizzę z szynką
        o której odjeżdża pociąg do gdańska
        gdzie kupię bilety do teatru
        opowiedz mi dowcip o babie
        kto wygrał wczorajszy mecz
        proszę taksówkę na lotnisko
        zepsuła mi się pralka
        umówić wizytę u dentysty
        przepis na pierogi ruskie
        jak nazywa się ten aktor
        szczekający pies sąsiada""",
}


def write_pack(root: Path, lines: dict[str, str] | None = None, lang: str = "pl") -> Path:
    """Write the pack into `root` and give it back."""
    folder = root / lang
    folder.mkdir(parents=True, exist_ok=True)
    (root / "intents.yml").write_text(INTENTS, encoding="utf-8")
    for intent, text in (lines or LINES).items():
        examples = "".join(f"      - {line.strip()}\n" for line in text.splitlines())
        body = f'version: "3.1"\nnlu:\n  # how {intent} is said\n  - intent: {intent}\n    examples: |\n{examples}'
        (folder / f"{intent}.yml").write_text(body, encoding="utf-8")
    return root
