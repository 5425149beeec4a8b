"""How people begin and end mails, and what programs write into them. Patterns are folded (no diacritics, lower case) and fit the
beginning of a line.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Wording:
    """One language."""

    greetings: str
    """How a mail begins: says nothing of the matter."""
    closings: str
    """How it ends: what follows is a signature."""
    postscript: str
    """After which the sender goes on."""
    quoted_after: str
    """The line before a quoted mail."""
    forwarded_after: str
    """The line before a mail that is passed on."""
    headers: str
    """Names of the header lines above it."""
    footers: str
    """What lawyers and programs add, anywhere in a paragraph."""
    thanks: str
    """Courtesies that are a whole sentence."""
    wishes: str
    """Words by which a sentence asks for something, anywhere in it."""


POLISH = Wording(
    greetings=r"(?:dzien dobry(?: (?:panstwu|pani\w*|panu|panie)(?: \w+(?=,))?)?|dobry wieczor|witam(?: panstwa| serdecznie| uprzejmie)*|witajcie|czesc|hej|halo"
    r"|(?:szanown[aiey]|drog[aieoy]|kochan[aie])(?: (?:panstwo|pani[ae]?|panie i panowie|panie|panowie|banku|dyrekcjo|zespole))?"
    r"(?: (?!i\b)\w+)?|prosze panstwa|panie i panowie)",
    closings=r"(?:z (?:gory )?(?:powazaniem|szacunkiem|wyrazami (?:glebokiego )?szacunku|pozdrowieniami|podziekowaniem)"
    r"|(?:serdecznie )?(?:pozdrawiam|pozdrowienia|pozdrawiamy)\b|lacze (?:wyrazy|pozdrowienia)|laczac wyrazy"
    r"|dziekuje i pozdrawiam|z gory (?:dziekuje|dziekujemy)|milego dnia|pozdr\b)",
    postscript=r"p\.? ?s\.?[: ]",
    quoted_after=r"(?:(?:w dniu|dnia|pon|wt|sr|czw|pt|sob|niedz)\b.{4,200}(?:napisal|pisze)(?:\(a\)|a|o)?:?|.{4,120}\bnapisal(?:\(a\)|a)?:)\s*$"
    r"|-{2,} ?(?:oryginalna wiadomosc|wiadomosc oryginalna|original message)",
    forwarded_after=r"-{2,} ?(?:wiadomosc przekazana(?: dalej)?|przekazana wiadomosc|forwarded message)|poczatek przekazanej wiadomosci",
    headers=r"(?:od|do|dw|data|temat|wyslano|wyslane|nadawca|adresat|kopia):",
    footers=r"niniejsza wiadomosc|wiadomosc (?:ta )?(?:jest przeznaczona|zawiera|moze zawierac)|informacje poufne|administratorem (?:panstwa |"
    r"twoich )?danych|przed wydrukowaniem|wyslan[eoay] z(?: mojego| aplikacji| telefonu| iphone|\b.{0,12}\b(?:iphone|android|ipad|outlook|yahoo|onet|wp|o2))"
    r"|kapital zakladowy|wpisan[ay] do rejestru|wolne od wirusow|sprawdzon[ay] programem|jesli nie jestes (?:jej )?adresatem",
    thanks=r"(?:bardzo |serdecznie )?(?:dziekuj(?:e|emy)|przepraszam(?:y)?)(?: (?:bardzo|serdecznie|panstwu))*"
    r"(?: za (?:szybka |rychla |wszelka |kazda |ewentualna )?(?:odpowiedz|pomoc|wiadomosc|maila?|list|klopot|zrozumienie))?"
    r"|(?:bardzo )?prosze o (?:jak najszybsza |pilna |szybka |pisemna |rychla )?(?:odpowiedz|kontakt|informacje zwrotna)"
    r"(?: (?:mailowa|mailowo|mailem|zwrotna))?",
    wishes=r"\b(?:prosz[eay]\w*|prosb[aey]|prosi(?:my|lbym|labym)|pros(?:iec)?|chc[eia]\w*|wnosz[ea]\w*|zadam|potrzebuj\w+|zglaszam|skladam|wypowiadam|"
    r"jak|kiedy|gdzie|czy|ile|dlaczego|czemu|skad|za co|co (?:mam|zrobic|robic|to)|jaki\w*|moge|mozna|da sie|mozecie|zablokuj\w*|pomoz\w*|pomocy|interesuje)\b|\?",
)

ENGLISH = Wording(
    greetings=r"(?:dear(?: (?:sirs?(?: or madam|/madam)?|sir/madam|madam|all|team|bank|customer (?:services?|care)|press office|mr|mrs|ms|miss|\w+))*"
    r"|hello(?: (?:there|all|team|again|tom|\w+(?=,)))?|hi(?:ya)?(?: (?:there|all|team|\w+(?=,)))?|hey|good (?:morning|afternoon|evening|day)(?: to you)?"
    r"|greetings|to whom it may concern)",
    closings=r"(?:(?:kind(?:est)?|best|warm(?:est)?|many)?,? ?regards\b|(?:with )?(?:best|kind|warm|all good) wishes|best\s*,?\s*$|cheers\b|respectfully"
    r"|yours?\s*,?\s*$|yours (?:faithfully|sincerely|truly|ever)|sincerely|many thanks|thanks(?: (?:in advance|again|very much))?\b|thank you(?: (?:in advance|very much))?\s*[,.!]?\s*$)",
    postscript=r"p\.? ?s\.?[: ]",
    quoted_after=r"on .{6,200}wrote:\s*$|.{4,120} wrote:\s*$|-{2,} ?original message",
    forwarded_after=r"-{2,} ?forwarded message|begin forwarded message",
    headers=r"(?:from|to|cc|date|sent|subject|reply-to):",
    footers=r"this (?:e-?mail|message)(?: and any| is| may| contains)|confidential and|intended (?:solely|only) for|received (?:it|this e-?mail|this message) in error"
    r"|before printing|sent from my|get outlook for|registered (?:office|in england)|scanned for viruses|virus[- ]free",
    thanks=r"(?:many |very many )?(?:thanks|thank you)(?: (?:very much|so much|again|in advance))*(?: for (?:your|any|the) (?:quick |prompt )?(?:reply|help|message|e-?mail|letter|assistance))?"
    r"|(?:i )?(?:hope this (?:finds|reaches) you well|look(?:ing)? forward to (?:your reply|hearing from you))|(?:i )?apologi[sz]e for .{0,30}|sorry to (?:be a nuisance|bother you)",
    wishes=r"\b(?:please|kindly|pls|i(?:'d| would|d) (?:like|rather|be (?:grateful|obliged))|i (?:want|need|wish|require|request)|we(?:'d| would) like|we need|could (?:you|i|we|somebody|someone)"
    r"|can (?:you|i|we|somebody|someone|it)|would (?:you|it|somebody|someone)|how|when|where|why|what|which|who|is (?:it|there)|are (?:you|there)|do (?:you|i)|does|may i|help|report|cancel|stop|block)\b|\?",
)

WORDINGS: Mapping[str, Wording] = {"pl": POLISH, "en": ENGLISH}
"""Of a language without one only what is the same in all is cut: quotation marks and the signature behind its two dashes."""
