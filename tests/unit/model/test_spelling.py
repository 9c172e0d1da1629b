import pytest
import torch
from torch import nn
from transformers import BertConfig, BertModel

from polyhead.model.spelling import SpelledEmbedding, fold, plain_state

TOKENS = ("[PAD]", "[MASK]", "park", "Park", "##park", "parks", "NATO", "12", "34", "東")


@pytest.fixture
def embedding() -> SpelledEmbedding:
    return made(dropped=0.0)


def made(*, dropped: float) -> SpelledEmbedding:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return SpelledEmbedding(TOKENS, 6, special=2, padding_id=0, mask_id=1, dropped=dropped)


@pytest.fixture
def encoder(embedding: SpelledEmbedding) -> BertModel:
    size = {"hidden_size": 6, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 8}
    module = BertModel(BertConfig(vocab_size=len(TOKENS), **size), add_pooling_layer=False).eval()
    module.set_input_embeddings(embedding)
    return module


def test_special_tokens_have_no_spelling_and_padding_is_zero(embedding: SpelledEmbedding) -> None:
    table = embedding.table()
    assert torch.equal(table[0], torch.zeros(6))
    assert torch.equal(table[1], embedding.weight[1])


def test_a_row_is_its_own_vector_plus_the_scaled_sum_of_its_features(embedding: SpelledEmbedding) -> None:
    begins, counts = embedding.get_buffer("feature_begins"), embedding.get_buffer("feature_counts")
    for token in range(2, len(TOKENS)):
        numbers = embedding.get_buffer("feature_numbers")[begins[token] : begins[token] + counts[token]]
        spelled = embedding.features[numbers].sum(dim=0) / max(1, len(numbers)) ** 0.5
        assert torch.allclose(embedding.table()[token], embedding.weight[token] + spelled, atol=1e-6)


def test_words_that_look_alike_share_more_than_words_that_do_not(embedding: SpelledEmbedding) -> None:
    with torch.no_grad():
        embedding.weight.zero_()
    table = embedding.table()

    def likeness(left: str, right: str) -> float:
        return float(nn.functional.cosine_similarity(table[TOKENS.index(left)], table[TOKENS.index(right)], dim=0))

    assert likeness("park", "parks") > likeness("park", "NATO")
    assert likeness("park", "Park") > likeness("park", "12")
    assert likeness("12", "34") == pytest.approx(1.0)


def test_tokens_that_share_nothing_have_their_own_vectors_alone() -> None:
    alone = SpelledEmbedding(("[PAD]", "[MASK]", "park"), 6, special=2, padding_id=0, mask_id=1, dropped=0.0)
    assert torch.equal(alone(torch.tensor([[2, 0]])), alone.weight[[2, 0]][None])


def test_all_rows_are_the_rows_of_all_ids_and_learn_as_they_do(embedding: SpelledEmbedding) -> None:
    ids = torch.arange(1, len(TOKENS))
    wanted = embedding.rows(ids)
    (wanted**2).sum().backward()
    gradients = [parameter.grad for parameter in embedding.parameters()]
    embedding.zero_grad()
    found = embedding.all_rows()[1:]
    assert torch.equal(found, wanted)
    (found**2).sum().backward()
    for parameter, gradient in zip(embedding.parameters(), gradients, strict=True):
        torch.testing.assert_close(parameter.grad, gradient)


def test_a_batch_is_looked_up_as_in_the_table(embedding: SpelledEmbedding) -> None:
    ids = torch.tensor([[2, 3, 3, 0], [9, 1, 2, 5]])
    assert torch.allclose(embedding(ids), embedding.table()[ids], atol=1e-6)


def test_tokens_are_dropped_in_training_only_and_special_ones_never() -> None:
    embedding = made(dropped=1.0)
    ids = torch.tensor([[0, 1, 2, 9]])
    assert torch.allclose(embedding.eval()(ids), embedding.table()[ids], atol=1e-6)
    assert torch.allclose(embedding.train()(ids), embedding.table()[torch.tensor([[0, 1, 1, 1]])], atol=1e-6)


def test_gradients_reach_rows_and_features(embedding: SpelledEmbedding) -> None:
    embedding(torch.tensor([[2, 3]])).square().sum().backward()
    assert embedding.features.grad is not None
    assert embedding.features.grad.abs().sum() > 0
    assert embedding.weight.grad is not None
    assert embedding.weight.grad[[2, 3]].abs().sum() > 0
    assert embedding.weight.grad[4:].abs().sum() == 0


def test_folding_leaves_a_plain_table_and_the_same_states(encoder: BertModel) -> None:
    ids = torch.tensor([[2, 3, 9]])
    with torch.no_grad():
        before = encoder(ids).last_hidden_state
        fold(encoder)
        after = encoder(ids).last_hidden_state
    assert type(encoder.get_input_embeddings()) is nn.Embedding
    assert torch.allclose(before, after, atol=1e-6)
    fold(encoder)
    assert encoder.get_input_embeddings().weight.requires_grad


def test_the_plain_state_is_that_of_the_folded_module_and_the_module_stays(encoder: BertModel) -> None:
    state = plain_state(encoder)
    assert isinstance(encoder.get_input_embeddings(), SpelledEmbedding)
    fold(encoder)
    folded = encoder.state_dict()
    assert state.keys() == folded.keys()
    assert all(torch.equal(tensor, folded[name]) for name, tensor in state.items())


def test_a_module_without_spelling_is_its_own_plain_state(encoder: BertModel) -> None:
    encoder.set_input_embeddings(nn.Embedding(4, 6))
    assert plain_state(encoder).keys() == encoder.state_dict().keys()
