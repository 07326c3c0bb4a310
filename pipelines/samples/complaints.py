"""Complaints that nobody made: 600 rows from a seed, with the words that people use for each product."""

import csv
import io
import random

WORDS = {
    "credit card": ("card", "charge", "annual fee", "limit", "statement", "chargeback", "contactless", "rewards"),
    "mortgage": ("mortgage", "lender", "escrow", "rate", "closing", "appraisal", "house", "refinancing"),
    "student loan": ("loan", "tuition", "servicer", "deferment", "college", "repayment", "forbearance", "degree"),
    "checking account": ("account", "overdraft", "deposit", "transfer", "branch", "debit", "paycheck", "withdrawal"),
}
PHRASES = (
    "Nobody answered when I asked about the {a} and the {b}.",
    "They took money for the {a} although the {b} was settled in {month}.",
    "The {a} on my file is wrong, and so is the {b}.",
    "I wrote three letters about the {a}. The {b} is still not corrected!",
    "Because of the {a} my {b} was refused.",
)
MONTHS = ("January", "March", "May", "June", "August", "October", "December")
CHANNELS = (("web", 6), ("phone", 3), ("letter", 1))


def content(rows: int = 600, seed: int = 0) -> bytes:
    """A CSV with the columns text, product and channel; one word in eight is another product's."""
    dice = random.Random(seed)
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(["text", "product", "channel"])
    names = list(WORDS)
    for _ in range(rows):
        product = dice.choice(names)
        first, second = (dice.choice(WORDS[dice.choice(names) if dice.random() < 1 / 8 else product]) for _ in "ab")
        text = dice.choice(PHRASES).format(a=first, b=second, month=dice.choice(MONTHS))
        (channel,) = dice.choices([name for name, _ in CHANNELS], [weight for _, weight in CHANNELS])
        writer.writerow([text, product, channel])
    return table.getvalue().encode()
