"""What is fitted is the regression that scikit-learn fits to the same features."""

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression, Ridge

from polyhead.model.compact import train_tokenizer
from polyhead.model.ngrams import BagOfNgrams, pair_of
from polyhead.model.spelling import spelling
from polyhead.spans import Floats, Integers
from polyhead.tasks.base import HeadTask
from polyhead.tasks.classification import Classification
from polyhead.tasks.regression import Regression
from polyhead.text.tokens import TextTokenizer
from polyhead.training.ngram_fitting import LabelledTexts, fit_ngrams
from polyhead.training.steps import Labelled, Targets

TEXTS = [f"{subject} {verb} the {thing}" for subject in ("Maria", "nobody", "Nobody")
         for verb in ("sold", "froze", "moved") for thing in ("ferry", "mill", "parcel", "engine")]  # fmt: skip
CHOICES = np.array([("sold" in text) + 2 * ("mill" in text and "Maria" not in text) for text in TEXTS]) % 3


@pytest.fixture(scope="module")
def tokenizer() -> TextTokenizer:
    return TextTokenizer(train_tokenizer(TEXTS), max_tokens=64, padding_id=0, filler_id=3)


def labelled(tokenizer: TextTokenizer, values: np.ndarray, name: str = "asked") -> LabelledTexts:
    texts = LabelledTexts()
    for begin in range(0, len(TEXTS), 10):
        batch = tokenizer.batch(tokenizer.tokenize(TEXTS[begin : begin + 10], words=False))
        rows = len(batch.ids)
        part = Targets(values[begin : begin + rows], count=rows, begin=0, end=rows, tokens=batch.ids.shape[1])
        texts.add(Labelled(batch, None, {name: part}))
    return texts


def matrix(tokenizer: TextTokenizer, bag: BagOfNgrams, texts: Sequence[Integers]) -> Floats:
    """Write out the features of texts: those of their tokens, then their pairs, each part of length one."""
    tokens = tokenizer.tokens()
    names = sorted({name for token in tokens for name in spelling(token)})
    number = {name: place for place, name in enumerate(names)}
    holding = dict.fromkeys(names, 0)
    for text in texts:
        for token in set(text.tolist()):
            for name in set(spelling(tokens[token])):
                holding[name] += 1
    rarity = np.array([np.log((1 + len(texts)) / (1 + min(len(texts), holding[name]))) + 1 for name in names])
    pairs = [np.unique(pair_of(*(bag.lowered[torch.tensor(of)] for of in (t[:-1], t[1:]))).numpy()) for t in texts]
    known = np.unique(np.concatenate(pairs))
    counts = np.bincount(np.concatenate(pairs), minlength=known.max() + 1)
    rows = []
    for text, own in zip(texts, pairs, strict=True):
        of_tokens, of_pairs, squares = np.zeros(len(names)), np.zeros(len(known)), 0.0
        for token in set(text.tolist()):
            places = [number[name] for name in set(spelling(tokens[token]))]
            of_tokens[places] += rarity[places]
            squares += (rarity[places] ** 2).sum()
        of_pairs[np.searchsorted(known, own)] = np.log((1 + len(texts)) / (1 + counts[own])) + 1
        rows.append(np.concatenate([of_tokens / np.sqrt(squares), of_pairs / np.linalg.norm(of_pairs)]))
    return np.array(rows)


def fitted(tokenizer: TextTokenizer, task: HeadTask, values: np.ndarray) -> tuple[BagOfNgrams, LabelledTexts]:
    texts = labelled(tokenizer, values)
    return fit_ngrams(texts, {"asked": task}, tokens=tokenizer.tokens()), texts


def said(bag: BagOfNgrams, texts: LabelledTexts) -> Floats:
    longest = max(map(len, texts.ids))
    ids = torch.tensor([[*text.tolist(), *[0] * (longest - len(text))] for text in texts.ids])
    return bag(ids, ids != 0)["asked"].numpy()


def test_a_classification_is_the_logistic_regression_of_scikit_learn(tokenizer: TextTokenizer) -> None:
    bag, texts = fitted(tokenizer, Classification(labels=("a", "b", "c")), CHOICES)
    seen = matrix(tokenizer, bag, texts.ids)
    theirs = LogisticRegression(C=20.0, max_iter=2000, tol=1e-8).fit(seen, CHOICES)
    ours = torch.from_numpy(said(bag, texts)).softmax(-1).numpy()
    np.testing.assert_allclose(ours, theirs.predict_proba(seen), atol=5e-3)


def test_a_number_is_the_ridge_regression_of_scikit_learn(tokenizer: TextTokenizer) -> None:
    wanted = CHOICES.astype(np.float32)[:, None]
    bag, texts = fitted(tokenizer, Regression(objective="mse"), wanted)
    seen = matrix(tokenizer, bag, texts.ids)
    theirs = Ridge(alpha=0.025).fit(seen, wanted[:, 0])
    np.testing.assert_allclose(said(bag, texts)[:, 0], theirs.predict(seen), atol=5e-3)


def test_a_word_that_was_never_read_is_judged_by_its_spelling(tokenizer: TextTokenizer) -> None:
    bag, _ = fitted(tokenizer, Classification(labels=("a", "b", "c")), CHOICES)
    tokens = tokenizer.tokens()
    unread = next(number for number, token in enumerate(tokens) if token == "s")
    assert bag.tokens[unread].abs().sum() > 0


def test_tasks_do_not_touch_each_other(tokenizer: TextTokenizer) -> None:
    texts = labelled(tokenizer, CHOICES, "first")
    other = labelled(tokenizer, CHOICES[::-1].copy(), "second")
    texts.rows |= other.rows
    texts.values |= other.values
    task = Classification(labels=("a", "b", "c"))
    both = fit_ngrams(texts, {"first": task, "second": task}, tokens=tokenizer.tokens())
    alone = fit_ngrams(texts, {"second": task}, tokens=tokenizer.tokens())
    assert torch.equal(both.tokens[:, both.columns("second")], alone.tokens)
    assert torch.equal(both.bias[both.columns("second")], alone.bias)
