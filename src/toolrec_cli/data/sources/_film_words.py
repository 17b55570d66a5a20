"""The words invented film titles are made of, genre by genre, and the names of people who never were.

In a title pattern `{a}` is an adjective, `{n}` a thing and `{s}` several things of the genre; `{place}`, `{name}`, `{month}`
and `{many}` are common to all genres. Words are kept apart by genre so that a title hints at what the film is.
"""

from typing import NamedTuple


class Lexicon(NamedTuple):
    """What titles of one genre are made of."""

    patterns: tuple[str, ...]
    adjectives: tuple[str, ...]
    things: tuple[str, ...]
    plurals: tuple[str, ...]


def _listed(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split("|"))


COMMON_PATTERNS = _listed(
    "The {a} {n}|{a} {n}|The {n} of {place}|The {n} at {place}|The {a} {n} of {place}|{name}'s {n}"
    "|The {s} of {place}|{place}"
)

PLACES = _listed(
    "Port Ellery|Marrow Bay|Calder Row|Tessaly|Vantry|Low Harrow|Sundry Hill|Ostermoor|Pell Island|Quillan|Brackwater"
    "|Santa Verena|Novy Most|Ambry Street|Lake Orren|Dunmarrow|Kestrel Point|Halvorsund"
    "|Villa Serrat|Montecorvo|Ashgrove Lane"
    "|Tamsin Cross|Little Verity|Saint Orso|Fellmarsh Quay|Corrin Falls|Esterwold|Palisade Road"
    "|Nine Elm Bridge|Grayling"
)
NAMES = _listed(
    "Odile|Marguerite|Tobias|Ines|Anselm|Priya|Wendell|Yusuf|Clementine|Ramona|Ezra|Halima|Ottilie"
    "|Dorian|Mireille|Kofi"
    "|Lucinda|Benedikt|Saoirse|Thaddeus|Noor|Leopold|Imogen|Casimir|Adelaide|Hiroko|Barnaby|Estella"
    "|Rufus|Zeynep|Cordelia"
    "|Mateus|Philippa|Lazlo|Winifred|Amadou"
)
MONTHS = _listed("January|March|April|June|August|September|October|November|December")
MANY = _listed("Two|Three|Four|Five|Six|Seven|Nine|Eleven|Twelve|Forty|A Hundred")

LEXICONS: dict[str, Lexicon] = {
    "Action": Lexicon(
        _listed(
            "{many} Minutes to {place}|{n} Down|Break the {n}|{place} Burning|Run for {place}|Code {n}"
            "|No Exit from {place}"
        ),
        _listed("Scorched|Relentless|Ironclad|Unbroken|Redline|Hardwired|Outgunned|Blazing"),
        _listed("Convoy|Detonator|Sabre|Vanguard|Gauntlet|Battery|Runway|Payload|Stronghold|Firewall|Anvil|Turbine"),
        _listed("Mercenaries|Engines|Bridges|Wheels|Commandos"),
    ),
    "Adventure": Lexicon(
        _listed(
            "The Road to {place}|Beyond {place}|{many} {s} East|Voyage of the {n}|The Search for {place}"
            "|{name} Sails at Dawn"
        ),
        _listed("Farthest|Emerald|Uncharted|Sunken|Wandering|Windward|Forgotten|Gilded"),
        _listed(
            "Compass|Expedition|Schooner|Caravan|Atlas|Lighthouse|Archipelago|Cartographer|River|Citadel"
            "|Monsoon|Sextant"
        ),
        _listed("Islands|Sails|Rivers|Leagues|Summits"),
    ),
    "Animation": Lexicon(
        _listed(
            "{name} the {n}|The {n} Who Could Not Sleep|{many} Little {s}|A Hat for the {n}"
            "|The {n} and the Moon|Goodnight, {n}"
        ),
        _listed("Tumbling|Paper|Clockwork|Sleepy|Bouncing|Velvet|Upside-Down|Pocket"),
        _listed("Hedgehog|Otter|Teapot|Snail|Puffin|Giraffe|Kite|Pumpkin|Badger|Robot|Walrus|Caterpillar"),
        _listed("Foxes|Penguins|Umbrellas|Dragons|Acorns"),
    ),
    "Comedy": Lexicon(
        _listed(
            "{many} {s} and a {n}|Who Invited {name}?|Don't Tell {name}|My Other {n}|Meet Me at the {n}"
            "|Sorry About the {n}|The Wrong {n} in {place}"
        ),
        _listed("Inadvertent|Borrowed|Reluctant|Second-Best|Perfectly Good|Ridiculous|Overdue|Unlikely"),
        _listed("Wedding|Sofa|Plumber|Landlord|Casserole|Bagpiper|Trombone|Holiday|Dentist|Neighbour|Parade|Reunion"),
        _listed("Cousins|Bridesmaids|Waiters|Uncles|Poodles"),
    ),
    "Crime": Lexicon(
        _listed(
            "The {place} Job|{many} {s} Short|Nobody Robs {place}|The {n} Takes All|A {n} for {name}"
            "|{name} Owes Money"
            "|The {name} Ledger"
        ),
        _listed("Crooked|Counterfeit|Hollow|Dirty|Unmarked|Midtown|Bankrupt|Quiet"),
        _listed("Ledger|Pawnshop|Alibi|Syndicate|Safe|Bookmaker|Getaway|Informant|Verdict|Racket|Fence|Warehouse"),
        _listed("Thieves|Aces|Witnesses|Brothers|Bullets"),
    ),
    "Documentary": Lexicon(
        _listed(
            "Inside {place}|A Year in {place}|{place}, {month}|The Last {s}|Counting {s}"
            "|{name}: A Life in {s}|What the {s} Knew"
        ),
        _listed("Ordinary|Vanishing|Living|Unseen|Common|Working|Untold|Northern"),
        _listed("Harvest|Shipyard|Reef|Archive|Orchestra|Market|Glacier|Allotment|Foundry|Strike|Observatory|Loom"),
        _listed("Beekeepers|Bridges|Maps|Salmon|Typewriters|Lighthouses|Glaciers|Bicycles"),
    ),
    "Drama": Lexicon(
        _listed(
            "What {name} Left|{month} in {place}|The {n} We Kept|After the {n}|{name} at Sixty|All Our {s}"
            "|Leaving {place}"
        ),
        _listed("Quiet|Unfinished|Distant|Patient|Salt-Stained|Inherited|Ordinary|Lamplit"),
        _listed(
            "Orchard|Inheritance|Kitchen|Confession|Winter|Piano|Ferry|Testimony|Harbour|Daughter|Silence|Apprentice"
        ),
        _listed("Letters|Sundays|Promises|Fathers|Absences"),
    ),
    "Family": Lexicon(
        _listed(
            "{name} and the {n}|{many} {s} at {place}|The Summer of the {n}|Finding the {n}"
            "|{name} Saves {month}|A {n} for {name}"
        ),
        _listed("Marvellous|Muddy|Rambling|Mended|Snowbound|Brave|Whistling|Moonstruck"),
        _listed("Pony|Treehouse|Sledge|Puppy|Circus|Lantern|Rowing Boat|Snowman|Goose|Bicycle|Scarecrow|Attic"),
        _listed("Puppies|Cousins|Wishes|Ponies|Birthdays"),
    ),
    "Fantasy": Lexicon(
        _listed(
            "The {n} and the {a} Crown|{many} {s} of {place}|Daughter of the {n}|{name} of the {a} {n}"
            "|Song of the {n}|The {n} Oath"
        ),
        _listed("Pewter|Thorn|Enchanted|Starlit|Winterborn|Ember|Moonless|Whispering"),
        _listed("Wyvern|Sorceress|Chalice|Grimoire|Stag|Throne|Oracle|Tower|Loom|Changeling|Rune|Gatekeeper"),
        _listed("Ravens|Crowns|Spells|Giants|Gates"),
    ),
    "Film-Noir": Lexicon(
        _listed(
            "{name} Lies|Midnight at {place}|No Alibi for {name}|The {n} Wore Grey|{place} After Dark"
            "|Call Me {name}|Smoke over {place}"
        ),
        _listed("Crimson|Rain-Soaked|Borrowed|Velvet|Heartless|Shadowed|Faithless|Cold"),
        _listed("Widow|Cigarette|Stairway|Pianist|Alley|Telegram|Pier|Stranger|Gumshoe|Nightclub|Locket|Chauffeur"),
        _listed("Shadows|Telegrams|Widows|Lies|Matches"),
    ),
    "Horror": Lexicon(
        _listed(
            "It Waits in {place}|The {n} Below|Something in the {n}|Do Not Wake {name}|The {n} Is Open"
            "|{name} Came Back"
            "|{many} {s} Under the Floor"
        ),
        _listed("Rotting|Hungry|Pale|Unhallowed|Festering|Sunless|Screaming|Buried"),
        _listed("Cellar|Effigy|Crypt|Doll|Sanatorium|Marsh|Scratching|Séance|Undertaker|Belfry|Well|Mirror"),
        _listed("Teeth|Graves|Candles|Hands|Crows"),
    ),
    "Musical": Lexicon(
        _listed(
            "Sing, {name}|{name} on Broadway Lane|Dance Me to {place}|{many} Nights at the {n}"
            "|Strike Up the {n}|One More {n}"
        ),
        _listed("Dazzling|Swinging|Sequinned|Tapping|Honeyed|Syncopated|Spotlit|Merry"),
        _listed("Cabaret Boat|Chorus|Serenade|Foxtrot|Encore|Bandstand|Ballroom|Melody|Matinee|Tango|Revue|Overture"),
        _listed("Dancers|Trumpets|Songbirds|Curtains|Slippers"),
    ),
    "Romance": Lexicon(
        _listed(
            "Letters to {name}|{name} and {name2}|Yours, {name}|A Kiss in {place}|Until {month}"
            "|{month} with {name}|The {n} Between Us"
            "|Dearest {name}"
        ),
        _listed("Tender|Mislaid|Moonlit|Faithful|Shy|Summer|Unsent|Rose-Coloured"),
        _listed("Engagement|Promise|Florist|Waltz|Balcony|Valentine|Honeymoon|Proposal|Sonnet|Café|Elopement|Farewell"),
        _listed("Hearts|Kisses|Letters|Roses|Suitors"),
    ),
    "Sci-Fi": Lexicon(
        _listed(
            "{n} Nine|The {place} Signal|{many} Light-Years from {place}|Project {n}|Return to {n} Station"
            "|{name} in Orbit|{n} over {place}"
        ),
        _listed("Synthetic|Orbital|Quantum|Binary|Frostbound|Parallel|Recursive|Weightless"),
        _listed(
            "Meridian|Android|Colony|Transmission|Helix|Satellite|Horizon|Automaton|Nebula|Reactor"
            "|Singularity|Cosmonaut"
        ),
        _listed("Moons|Suns|Machines|Orbits|Clones"),
    ),
    "Thriller": Lexicon(
        _listed(
            "The {place} Deception|Watching {name}|{name} Is Missing|{many} Hours in {place}|Trust No {n}"
            "|The {n} Protocol"
            "|Someone Followed {name}|Before the {n}"
        ),
        _listed("Blind|Nameless|Substitute|Northbound|Unlisted|Paranoid|Misfiled|Sealed"),
        _listed("Passenger|Courier|Cipher|Hostage|Tenant|Surgeon|Envelope|Embassy|Wiretap|Witness|Double|Corridor"),
        _listed("Strangers|Secrets|Doors|Suspects|Cameras"),
    ),
    "Western": Lexicon(
        _listed(
            "{many} Riders to {place}|The {place} Trail|Saddle the {n}|Sundown at {place}"
            "|They Rode to {place}|{name} Rides Alone"
            "|A Rope for {name}"
        ),
        _listed("Dusty|Lonesome|Rawhide|Outlawed|Thirsty|Branded|Sunburnt|Wayward"),
        _listed("Stagecoach Inn|Marshal|Canyon|Gunhand|Homestead|Mustang|Prairie|Drover|Saloon|Deputy|Badlands|Spur"),
        _listed("Riders|Rifles|Horses|Gunslingers|Outlaws"),
    ),
}

FIRST_NAMES = _listed(
    "Aldo|Beatrix|Chidi|Dagny|Emeric|Farida|Gustavo|Hedda|Ikaika|Jolanta|Kenji|Liesl|Mateo|Nadia"
    "|Oswin|Perpetua|Quentyn|Rosalind"
    "|Sanjay|Tamar|Ulrike|Valentin|Wilhelmina|Ximena|Yorick|Zora|Amara|Bertrand|Celeste|Desmond"
    "|Elif|Florian|Greta|Hamish|Ilse"
    "|Joaquin|Keiko|Lorcan|Maren|Nikolai"
)
LAST_NAMES = _listed(
    "Abernocht|Bellweather|Castellane|Dravec|Estermann|Fairholt|Gullbrand|Hasegumi|Iversholm"
    "|Jarnagin|Kovarik|Lindqvale|Marchetto"
    "|Nwosuke|Okonjolie|Pellworth|Quintrell|Rosavino|Sarkozian|Tremellen|Underhay|Varrow|Wexcombe"
    "|Yelland|Zamorin|Achterberg"
    "|Brackenby|Corvalho|Dunleith|Eskandar|Fontanelle|Grimaldo|Hollowell|Ilvonen|Jessamine"
    "|Karimov-Lee|Lachowski|Mbekelu"
    "|Norrgren|Ostrander|Penhallow|Ravindar|Stellmacher|Thackery|Urbanek|Vasilenko|Winterbourne|Zielonka"
)
