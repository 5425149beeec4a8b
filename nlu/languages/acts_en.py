"""How English speakers say yes, no, again, help, wait and goodbye to a machine."""

from __future__ import annotations

from nlu.types import Act

PHRASES: dict[Act, str] = {
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

POLITE = """please|thanks|thank you|thank you very much|thanks a lot|cheers|ta|love|darling|dear|mate|sir|madam|maam|miss|um|uh|er|erm|oh|ah|well|so|then|and|but|hey|hi|
    hello|good morning|good afternoon|good evening|good day|now|just|really|very|much|actually|i said|im saying|i mean|i|you|it|that|the|to|kindly|look|listen|right then|god|
    jesus|for gods sake|for heavens sake|bloody|bloody hell|hell|for me|if you can|if you could|if you dont mind|sorry|robot|machine|computer|there"""

LEAD_AFFIRM = (
    "yes|yeah|yep|yup|yes please|yes yes|sure|exactly|correct|thats right|thats correct|absolutely|of course|ok|okay|right"
)
NOT_AFFIRM_BEFORE = "away|now|after|next|before|off|up|down"
LEAD_DENY = "no|nope|nah|no no|no no no|no thats not it|no not that|no thats wrong|no wrong"
DENY_BEFORE = """i|its|it|the|my|not|no|thats|that|about|actually|rather|sorry|im|id|ive|just|another|something|wait|thanks|thank|please|this|you|we|to|what|hang|hold|because|
    listen|look|neither|none|other|instead|for"""
CONTRAST = "but|rather|instead|just"
NEGATIONS = "its|thats|not|it|this|im"
NEGATED = (
    r"not (?:about|for|to do with) (?P<negated>(?:the |a |an |my )?(?:\S+ ){1,3}?)"
    r"(?:but |rather |its |its about |i mean |i want |about |for )(?P<kept>.+)"
)
NEGATED_NOUN = r"(?:^|no )not (?:the|a|an|my) (?P<negated>(?:\S+ ){1,2}?)(?:but )?(?P<kept>(?:the|a|an|my) .+)"
