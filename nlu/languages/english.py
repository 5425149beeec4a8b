"""English: number words, dialogue acts, days, money, secrets."""

from __future__ import annotations

from collections.abc import Iterator

from nlu.languages.language import (
    ActWords,
    DateWords,
    DenialWords,
    Language,
    MatterPatterns,
    NumberWord,
    PasswordWords,
    SecretWords,
    Slot,
    TurnWords,
)
from nlu.types import Act

# ---------------------------------------------------------------- dialogue acts

_PHRASES: dict[Act, str] = {
    Act.AFFIRM: """yes|yeah|yep|yup|ya|yah|yea|aye|yes yes|yes please|yes thanks|sure|sure thing|of course|course|certainly|absolutely|definitely|exactly|precisely|
        correct|thats correct|right|thats right|thats it|thats the one|thats what i want|thats what i need|thats what i said|that is correct|that is right|
        that is it|thats true|true|indeed|ok|okay|okey|okey dokey|alright|all right|fine|thats fine|good|great|perfect|fair enough|go ahead|go on|go for it|
        please do|do it|do that|yes do|i do|i am|it is|it does|i did|i would|id love to|uh huh|mhm|mm hmm|mhmm|aha|uhuh|mm|affirmative|confirmed|i confirm|
        confirm|i agree|agreed|you got it|you bet|bang on|spot on|sounds good|sounds right|that works|why not|i guess so|i guess|i think so|i suppose so|
        i suppose|lets do that|lets do it|put me through|yes put me through|that one|exactly that|yes exactly|very much so|yes indeed|too right|tak|by all means""",
    Act.DENY: """no|nope|nah|naw|no no|no no no|no thanks|no thank you|not really|not at all|no way|never|negative|wrong|thats wrong|incorrect|thats incorrect|
        not correct|thats not correct|not right|thats not right|thats not it|thats not what i want|thats not what i said|thats not what i meant|
        that is not it|it isnt|it is not|its not|it does not|it doesnt|i dont|i do not|i didnt|i didnt say that|i dont want that|not that|not that one|
        not this|neither|neither of them|neither of those|none|none of them|none of those|none of the above|something else|something different|
        absolutely not|definitely not|certainly not|of course not|hell no|uh uh|nuh uh|mm mm|i disagree|you misunderstood|you got it wrong|
        you got me wrong|misunderstood|mistake|thats a mistake|not what i asked|please dont|dont|dont do that|i dont think so|i think not|
        unfortunately not|afraid not|im afraid not|not for me|i wouldnt|not today|not now|nie|far from it|no it isnt|no its not|no i dont|no i didnt|no im not""",
    Act.REPEAT: """repeat|repeat that|repeat please|please repeat|repeat it|can you repeat|can you repeat that|could you repeat|could you repeat that|
        can you say that again|could you say that again|say that again|say again|say it again|come again|again|again please|one more time|once more|
        once again|pardon|pardon me|i beg your pardon|beg your pardon|excuse me|what|what what|sorry what|what was that|what did you say|whats that|
        what do you mean|i didnt hear|i didnt hear you|i didnt hear that|i didnt catch that|didnt catch that|i missed that|missed that|
        i cant hear you|cant hear you|i can hardly hear you|louder|speak up|slower|slow down|more slowly|slowly please|
        i dont understand|i didnt understand|didnt get that|i didnt get that|i did not understand|eh|huh|run that by me again|the question again|
        whats the question|what was the question|youre breaking up|you are breaking up|start again|from the beginning|start over|sorry""",
    Act.HELP: """help|help me|help please|i need help|can you help|can you help me|please help|what can i say|what should i say|what do i say|what can i do|
        what are the options|what are my options|options|what options|give me options|menu|main menu|what can you do|what can you help with|i dont know|dont know|
        dunno|i dont know what to say|im not sure|not sure|im stuck|how does this work|how does it work|how do i do this|how do i use this|what now|
        what do i do|what do i do now|what are my choices|choices|instructions|hint|give me a hint|im lost|im confused|confused|no idea|i have no idea|
        what am i supposed to say|what things can i ask|hard to say|list""",
    Act.WAIT: """wait|wait wait|wait a minute|wait a second|wait a moment|wait a sec|wait please|please wait|hold on|hold on a second|hold on a minute|
        hold on a sec|hold on please|hold please|hang on|hang on a second|hang on a minute|hang on a sec|hang on a tick|just a minute|just a second|just a sec|
        just a moment|one moment|one moment please|one second|one sec|one minute|a moment|a minute|a second|a sec|moment|a moment please|give me a minute|
        give me a second|give me a moment|give me a sec|give us a minute|bear with me|let me think|let me see|let me check|let me look|let me find it|
        let me get my glasses|im looking|im checking|looking for it|not yet|stop|pause|half a minute|two seconds|two minutes|two ticks|hold the line|
        stay on the line|dont hang up|can you wait|could you wait|can you hold|could you hold|minute|second|sec|im thinking|thinking""",
    Act.GOODBYE: """bye|bye bye|goodbye|good bye|see you|see ya|cheers bye|thats all|thats everything|that will be all|thatll be all|that is all|
        nothing else|nothing more|nothing|no more|never mind|nevermind|forget it|forget about it|doesnt matter|it doesnt matter|im done|i am done|
        were done|all done|all good|im good|im fine|hang up|im hanging up|end call|end the call|have a nice day|have a good day|
        have a good one|good night|goodnight|take care|thats it thanks|thats all thanks|ill call back|ill call later|ill call back later|ill call you back|
        ill ring back|ill ring later|thats all i needed|thats all i wanted|no further questions|ta ta|ta ra|farewell|so long|cancel the call|quit|exit""",
    Act.AGENT: """agent|an agent|operator|human|a human|a person|person|real person|a real person|representative|a representative|rep|advisor|an advisor|adviser|
        an adviser|customer service|customer services|somebody|someone|speak to someone|speak to somebody|talk to someone|speak to a human|talk to a human|
        speak to a person|talk to a person|speak to an agent|talk to an agent|speak to an advisor|talk to an advisor|speak to a real person|
        i want to speak to someone|i want to speak to a human|i want to speak to a person|i want to talk to a human|i want a human|
        i want to talk to someone|i want to talk to a person|get me a human|put me through to someone|put me through to a person|a living person|live agent|
        a live agent|live person|a live person|human being|a human being|actual person|an actual person|actual human|an actual human""",
}

_POLITE = """please|thanks|thank you|thank you very much|thanks a lot|cheers|ta|love|darling|dear|mate|sir|madam|maam|miss|um|uh|er|erm|oh|ah|well|so|then|and|but|hey|hi|
    hello|good morning|good afternoon|good evening|good day|now|just|really|very|much|actually|i said|im saying|i mean|i|you|it|that|the|to|kindly|look|listen|right then|god|
    jesus|for gods sake|for heavens sake|bloody|bloody hell|hell|for me|if you can|if you could|if you dont mind|sorry|robot|machine|computer|there"""

_LEAD_AFFIRM = (
    "yes|yeah|yep|yup|yes please|yes yes|sure|exactly|correct|thats right|thats correct|absolutely|of course|ok|okay|right"
)
_NOT_AFFIRM_BEFORE = "away|now|after|next|before|off|up|down"
_LEAD_DENY = "no|nope|nah|no no|no no no|no thats not it|no not that|no thats wrong|no wrong"
_DENY_BEFORE = """i|its|it|the|my|not|no|thats|that|about|actually|rather|sorry|im|id|ive|just|another|something|wait|thanks|thank|please|this|you|we|to|what|hang|hold|because|
    listen|look|neither|none|other|instead|for"""
_CONTRAST = "but|rather|instead|just"
_NEGATIONS = "its|thats|not|it|this|im"
_NEGATED = (
    r"not (?:about|for|to do with) (?P<negated>(?:the |a |an |my )?(?:\S+ ){1,3}?)"
    r"(?:but |rather |its |its about |i mean |i want |about |for )(?P<kept>.+)"
)
_NEGATED_NOUN = r"(?:^|no )not (?:the|a|an|my) (?P<negated>(?:\S+ ){1,2}?)(?:but )?(?P<kept>(?:the|a|an|my) .+)"

# ---------------------------------------------------------------- number words

_DIGITS = "zero one two three four five six seven eight nine".split()
_TEENS = "ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen".split()
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
_ORDINAL_DIGITS = "first second third fourth fifth sixth seventh eighth ninth".split()
_ORDINAL_TEENS = "tenth eleventh twelfth thirteenth fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth".split()
_TIMES = {"hundred": 100, "thousand": 1_000, "million": 1_000_000, "billion": 1_000_000_000}
_SLANG_TIMES = {"grand": 1_000, "k": 1_000}


def _words() -> Iterator[tuple[str, NumberWord]]:
    for value, word in enumerate(_DIGITS):
        yield word, NumberWord(value, Slot.DIGIT)
    for word in ("oh", "nought", "naught", "nil"):
        yield word, NumberWord(0, Slot.DIGIT, alone=word != "oh")
    for value, word in enumerate(_TEENS, start=10):
        yield word, NumberWord(value, Slot.TEEN)
    for step, word in enumerate(_TENS, start=2):
        yield word, NumberWord(step * 10, Slot.TEN)
        yield word.removesuffix("y") + "ieth", NumberWord(step * 10, Slot.TEN, ordinal=True)
    for value, word in enumerate(_ORDINAL_DIGITS, start=1):
        yield word, NumberWord(value, Slot.DIGIT, ordinal=True)
    for value, word in enumerate(_ORDINAL_TEENS, start=10):
        yield word, NumberWord(value, Slot.TEEN, ordinal=True)
    for word, value in _TIMES.items():
        yield word, NumberWord(value, Slot.TIMES)
    for word, value in _SLANG_TIMES.items():
        yield word, NumberWord(value, Slot.TIMES, alone=False)
    for value, word in enumerate(_DIGITS):
        for plural in (word + ("es" if word.endswith(("o", "x")) else "s"), word + "s"):
            yield plural, NumberWord(value, Slot.DIGIT, figure=True)
    yield "noughts", NumberWord(0, Slot.DIGIT, figure=True)
    yield "half", NumberWord(0, Slot.HALF)
    for word in ("and", "a"):
        yield word, NumberWord(0, Slot.JOIN, alone=False)


_NUMBER_WORDS: dict[str, NumberWord] = dict(_words())

# ---------------------------------------------------------------- denials

_LOST_OR_STOLEN = r"(?:lost|lose|losing|stolen|stole|been stolen|missing|nicked|taken|took|hacked|cheated|conned|robbed|scammed)"
_DOING = r"(?:really |actually |here |just )*"
_DENIALS = DenialWords(
    opens={
        "wish": rf"(?:no ,? ?)?(?:i|we) (?:do not|dont|didnt|did not|wont|wouldnt|never) {_DOING}(?:want|need|wish|mean|intend|plan)(?: you)?(?: to)?"
        r"(?: (?:any|a|an|the|do|make|take|have|get))*",
        "about": rf"(?:no ,? ?)?(?:(?:im|i am|were|its|it is|thats|this is|this) not|it isnt|this isnt|isnt|not) {_DOING}"
        r"(?:(?:calling|ringing|phoning|asking|looking|interested|after|talking|enquiring|to do with) ?(?:about|for|to|in|with)?|about|a question of)"
        r"(?: (?:any|a|an|the|my|making|getting))*",
        "this": r"(?:no ,? ?)?(?:(?:its|it is|this is|thats) not|(?:it|this) isnt)(?: (?:a|an|any))",
        "being": r"(?:no ,? ?)?(?:its|it is|this is|thats) not|(?:it|this) isnt",
        "event": rf"(?:i|we|they|it)? ?(?:havent|hasnt|have not|has not|didnt|did not|wasnt|was not|isnt|is not|not|nobody|no one)(?: been)?"
        rf"(?= (?:my |me )?{_LOST_OR_STOLEN}(?!\S))",
        "request": r"(?:im|i am|were|we are) not(?= (?:clos|open|block|cancel|report|complain|disput|apply|transferr|send|chang|order|withdraw|borrow|"
        r"repay|pay|sav|invest|tak|end|leav|resign|updat|renew)ing(?!\S))",
        "command": r"(?:(?:no|please|so|and|but|just) ,? ?)*(?<!i )(?<!we )(?<!they )(?<!you )(?<!ones )(?<!it )(?:dont|do not)"
        r"(?= (?:block|cancel|close|freeze|stop|lock|open|send|order|change|lower|raise|break|renew|transfer|replace|issue|report)(?!\S))",
        "no_need": r"(?:(?:theres|there is|so|its) )?(?:no need|not necessary)(?: (?:to|for))?",
        "instead": r"instead of|rather than",
        "and_not": r"(?:and|but) not",
        "thing": r"(?:no ,? ?)?not(?! (?:my fault|me|sure|working|there|right|yet|enough|able|been|at|only|even|know\w*|mine|recogni\w+|happy|have|do|did|done|make|made|buy\w*|bought)(?!\S))",
    },
    sure=frozenset({"wish", "about", "request", "no_need"}),
    event=frozenset({"event"}),
    given_up=frozenset({"wish"}),
    needs_contrast=frozenset({"thing", "being"}),
    ends=r"but|just|only|simply|rather|because|i|im|id|ive|its|please|wheres|where|how|when|what|whats|whether|instead|first|which|and id|so",
    contrast=r"but|just|only|simply|rather|instead|so",
    still_wanted=r"any more|anymore|any longer|longer|this|that|these|those|pay|paying|have|keep|stay|receive|get|wait|be|live|lose|recogni\w+|authori\w+|yet",
    verb=r"(?:my |me )?(?:to )?(?:\w+ing|"
    + _LOST_OR_STOLEN
    + r"|block|cancel|close|freeze|stop|lock|open|send|order|change|lower|raise|break|renew|"
    r"transfer|replace|issue|report|complain|borrow|save|invest|withdraw|repay|unlock|check|dispute)",
    pronouns=frozenset("it its it'll itll one ones them they that".split()),
    clause=r"i|im|ive|it|its|is|was|has|have|did|didnt|isnt|wont|cant|not",
)

# ---------------------------------------------------------------- the language

LANGUAGE = Language(
    code="en",
    number_words=_NUMBER_WORDS,
    acts=ActWords(
        phrases=_PHRASES,
        polite=_POLITE,
        lead_affirm=_LEAD_AFFIRM,
        not_affirm_before=_NOT_AFFIRM_BEFORE,
        lead_deny=_LEAD_DENY,
        deny_before=_DENY_BEFORE,
        contrast=_CONTRAST,
        negations=_NEGATIONS,
        negated=_NEGATED,
        negated_noun=_NEGATED_NOUN,
    ),
    dates=DateWords(
        months="january|february|march|april|may|june|july|august|september|october|november|december",
        weekdays="monday|tuesday|wednesday|thursday|friday|saturday|sunday",
        near={"today": 0, "yesterday": -1, "tomorrow": 1},
        last=frozenset({"last", "past"}),
        next=frozenset({"next"}),
        units={"day": 1, "days": 1, "week": 7, "weeks": 7, "month": 30, "months": 30, "fortnight": 14},
        ago="ago",
        ahead="in",
        doubtful_months=frozenset({"may", "march"}),
        month_first=True,
        of="of",
    ),
    matters=MatterPatterns(
        cuts_marked=r"""(?:and |oh and |oh )?(?:also|another thing|besides|on top of that|while im at it|while youre at it|while im on|secondly|second thing|
        the other thing|separately|after that|then|plus)|as well as|oh and|and (?:i|id|im|we|wed|could|can|please|how|what|wheres|where|when|get|make|my)""",
        cuts_plain=r"and|but|so|or|first",
        joins="and plus",
        about=r"(?:talk|speak|chat|through|someone|somebody|human|person|agent|adviser|advisor|representative)"
        r"(?:\s\S+){0,5}?\s(?:about|regarding|concerning|on the subject of|in connection with)\s(?P<matter>\S.*)",
        opens=r"(?:(?:hello|hi|hiya|good morning|good afternoon|good evening|yes|well|so|um|right|i|im|id|ive|its|it is|just|have|got|had|a|an|the|quick|need|"
        r"want|like|some|calling|ringing|phoning|to|sorry|excuse me)\s+)*(?:about|regarding|concerning|in regard to|with regards to|to do with|in connection with|"
        r"(?:question|query|enquiry|problem|issue|trouble|matter|help|something|ask)(?: (?:about|regarding|concerning|with|on|wrong with|to do with))?)",
        empty="my mine our the a an this that these those it is its please yes well just some any with about of for to hello hi thanks your bank",
    ),
    denials=_DENIALS,
    secrets=SecretWords(
        strong=r"""(?<!without )(?<!without a )(?<!without my )(?:m|e|tele)?pins?(?:code)?|pin (?:code|number)|cv[vc]2?s?|c ?v ?[vc]|see vee (?:vee|see)|csc|passcodes?|passwords?|passphrase|
        security (?:code|number|digits?)|(?:on|from|off) the back|back of (?:the|my|your) card|digits?|(?:three|four|six) (?:numbers|figures)""",
        codes=r"(?<!without )(?<!without a )codes?|otp|token|secret|one time|verification",
        numbers=r"""numbers?|no|nr|accounts?|card|cards|customer|client|id|ids|pesel|phone|mobile|cell|telephone|login|user ?name|passport|iban|blik|
        ending|ends|ended|starts|starting|begins""",
        harmless=r"(?:qr|square) codes?|country codes?|post ?codes?|postal codes?|zip(?: codes?)?|error\W{1,3}codes?|codes? error|area codes?|(?:house|flat|room|flight|door|street|branch) number",
        birth=r"born|birth(?:day|date|days)?|d ?o ?b",
        fillers=frozenset(
            """a e no to then and um uh er em dash dot space plus minus hyphen slash comma full stop point next after that again followed by the rest
            last lastly finally first start starts ends end ending with it its is at so are be was ok okay right yes yeah well now here comes goes like just another
            finishing finishes finish ended digits also more sorry wait hang on hold i mean rather make actually correction let me see check think was think's that's lets""".split()
        ),
        corrections=frozenset("no sorry wait actually rather mean correction".split()),
        links=frozenset(
            """is are was were my the that thats this its it for as a your his her own new old current of to s his mine in our be would should
            called secret full card bank""".split()
        ),
        repeats={"double": 2, "doubled": 2, "twice": 2, "triple": 3, "treble": 3, "quadruple": 4},
        times=frozenset({"times"}),
        zeros=frozenset({"o", "oh"}),
        currencies=r"eur|euros?|usd|gbp|chf|pln|dollars?|pounds?|quid|bucks?|grand|z[lł]|zlot(?:y|ys|ies)|francs?|cents?|pence|pennies|k|hryvnias?",
        units=r"""percent|per ?cent|digits?|characters?|points?|days?|weeks?|months?|years?|hours?|minutes?|mins?|seconds?|times|people|persons?|payments?|instal?lments?|
        miles?|km|kilomet\w+|met(?:re|er)s?|pieces?|pages?|transactions?|transfers?|customers|oclock|am|pm|a m|p m""",
        things=r"""cards?|accounts?|loans?|child\w*|kids|attempts?|tries|texts?|letters?|phones?|others?|items?|things|machines?|emails?|calls?|parcels?|shops?|
        products?|statements?|documents?|savings|daughters?|sons?|different|new|more""",
        amounts=r"""amounts?|took|take|limits?|loans?|mortgage|balance|pay|paid|paying|payments?|transfer\w*|sen[dt]|withdr[ae]w\w*|costs?|charged?|worth|spen[dt]|owed?|
        borrow\w*|deposit\w*|nearly|most|least|rate|price|fee|bill""",
        hours=frozenset("at from until till by around about before after since between past".split()),
        years=frozenset("in since year of from during until".split()),
        streets=r"street|st|road|rd|avenue|ave|lane|flat|house|apartment|room|building|floor|drive|square",
        passwords=PasswordWords(
            name=r"pass ?words?|pass ?phrase",
            lead=r"(?:my|the|ok|okay|so|and|yes|well|here|its|online|bank|banking|secret|old|new|current|here s|um|uh|er)",
            between=r"(?:(?:for|to|on|in) (?:the |my |your )?\w+(?: bank(?:ing)?)?|there|i (?:use|have|set)|that i (?:use|have|set)|set)",
            said=r"(?:is|was|s|should be|would be|goes|reads|equals)",
            telling=r"tell|telling|give|giving|say|read|spell|here s|heres|here",
            changed=r"(?:set|changed|made|reset|put)",
            changed_to=r"to|as",
            hedge=r"(?:i think|i believe|like|simply|just|um|uh|er|erm|well|maybe|probably|the word|called|spelled|now|still|currently|actually|literally)",
            other=r"""not|no|wrong|right|correct|incorrect|fine|ok|okay|good|bad|invalid|valid|expired|expiring|forgotten|lost|gone|blocked|locked|old|new|too|
            rejected|refused|accepted|changed|leaked|stolen|hacked|saved|written|needed|required|reset|disabled|known|exposed|compromised|the|a|an|my|your|in|on|at|
            to|from|for|with|by|being|been|what|where|why|how|when|asked|asking|never|always|only|also|very|so|out|up|down|weak|strong|short|long|working|it|that|
            this|there|they|he|she|we|you|i|still|already|safe|different|same|case|something|everything|nothing|open|log|access|get|change|enter|do|be|somebody|
            someone|everyone|anyone|online|everywhere|off|of|as|does|doesnt|doesn|did|didn|isn|wasn|has|had|have|sent|used|given|please|reset|works|and|or|but|field|page|manager|box|screen|prompt|policy|change""",
            stop=r"and|but|or|because|so|please|thanks|thank|i|it|is|not|for|with|that|which|can|could|do|does|did|when|if|then|you|now|on|in|at|my|to",
        ),
    ),
    turns=TurnWords(
        unfinished=frozenset(
            "um uh uhm hmm hm mm the an a and or but so because my of for with from on in like i'm is to".split()
        ),
        hums=frozenset("mm mmm uhm hmm hm uh-huh aha".split()),
        nods=frozenset("ok|okay|right|sure|yeah|i see|uh huh|no".split("|")),
    ),
    fillers=frozenset("um umm ummm uh uuh uhm uhh er err erm ah ahm hm hmm hmmm aaa aa eh".split()),
    corrections=r"i mean no|hang on no|oh no wait|no hang on|no sorry|sorry no|no wait|wait no|actually no|no actually|i mean no|no i mean|scratch that|correction|i meant(?! (?:the|that|it)\b)|my mistake",
    not_corrected=frozenset(),
    common_words=frozenset(
        """the is are was were i've ive i'm im have has had want need would could can't cant don't dont my please hello help lost stolen card account money
    what how when where who why with this that there they you your we our and but for from not it its about someone something bank transfer loan mortgage
    speak talk know understand hi yes does did been get got make block cancel open close pay payment sorry thanks thank english""".split()
    ),
    shared_words=frozenset("to on i my a no do bank ten pan".split()),
    asked_for=r"po angielsku|in english|speak english|english please|english language|english speak\w*|\benglish$|^english\b|język angielski|angielski język",
    currencies={
        "PLN": "zloties zlotys pln",
        "EUR": "euro euros eur",
        "USD": "dollar dollars bucks usd",
        "GBP": "pound pounds quid gbp",
        "CHF": "franc francs chf",
        "UAH": "hryvnia uah",
    },
    money_slang=frozenset({"grand"}),
)
