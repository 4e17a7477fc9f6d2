"""Whether more of a metric is better, by its name: guessed only where the name is known, and always with the reason.

A name is read word by word (``valAcc``, ``val/acc`` and ``val-acc`` are the same), never by parts of words: ``mape`` is no
``map``. The last word that means a metric decides, so ``acc_loss`` is a loss. A name that ends in a word that is not listed
here (``loss_scale``, ``episode_length``) is not guessed at. Names are those that libraries print:

- torchmetrics, https://lightning.ai/docs/torchmetrics (``higher_is_better`` of its classes)
- scikit-learn, https://scikit-learn.org/stable/modules/model_evaluation.html (scorers; ``neg_`` turns a loss around)
- Keras, https://keras.io/api/metrics; XGBoost's and LightGBM's ``eval_metric``
- Hugging Face evaluate, https://huggingface.co/evaluate-metric, and the Trainer's ``eval_`` names
- Stable-Baselines3's ``ep_rew_mean`` and CleanRL's ``episodic_return``
- TREC's and RecBole's ranking measures (``ndcg@10``, ``mrr``, ``hit``)
"""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

Way = Literal["minimize", "maximize"]


class Direction(NamedTuple):
    """Which way a metric is optimized, None when its name does not say, and why."""

    way: Way | None
    why: str


def _listed(names: str) -> tuple[str, ...]:
    return tuple(names.split())


UP: tuple[str, ...] = _listed("""
acc accuracy accuracies correct prec precision recall sensitivity specificity tpr tnr f fscore fbeta fmeasure f1 f2 auc auroc
rocauc aucpr auprc prauc aupr gauc auuc qini ap map mean_io_u io_u iou miou giou dice jaccard pq kappa mcc matthews matthews_correlation corrcoef
youden cindex c_index concordance concordance_index r2 r_2 explained_variance pearson pearsonr spearman spearmanr kendall kendalltau corr
correlation similarity agreement psnr ssim ms_ssim msssim vif snr sdr sir sisdr sisnr pesq stoi estoi mos
bleu sacrebleu gleu rouge rougel rougelsum rouge_l rouge_lsum meteor chrf cider spice bertscore bleurt comet exact_match em inception_score
ndcg dcg mrr map_mrr hit hits hit_rate hit_ratio hitrate reciprocal_rank coverage pass pass_rate
reward rewards rew return returns episodic_return success successes success_rate win wins win_rate winrate solved solve_rate spl elo fitness
score scores likelihood loglikelihood loglik log_likelihood log_prob logprob elbo evidence_lower_bound
throughput fps ips qps
nmi ami ari rand rand_score homogeneity completeness v_measure silhouette calinski_harabasz fowlkes_mallows
true_positive true_positives true_negative true_negatives true_positive_rate true_negative_rate
lddt plddt gdt tm_score pck oks hota mota idf1 profit revenue utility sharpe quality
""")
"""Names of which more is better."""

DOWN: tuple[str, ...] = _listed("""
loss losses error errors err errs error_rate merror rate_of_errors mse rmse mae mape smape wmape wape rmsle msle medae rmsd nrmse
mean_squared_error mean_absolute_error max_error deviance residual residuals hinge log_cosh logcosh poisson huber pinball crps
logloss mlogloss log_loss ce bce xent crossentropy cross_entropy nll nllloss neg_log_likelihood
perplexity ppl bpc bpb bpd bits_per_character bits_per_char bits_per_byte bits_per_dim kl kld kl_divergence kullback_leibler_divergence
divergence jsd js mmd fid kid mifid frechet_inception_distance lpips dists ergas rase
wer cer mer wil ter word_error_rate character_error_rate edit_distance levenshtein hamming hamming_distance
chamfer chamfer_distance hausdorff hausdorff_distance hd95 wasserstein emd mpjpe ade fde epe absrel abs_rel
ece mce calibration_error brier brier_score ibs davies_bouldin inertia distortion aic bic
fpr fnr far frr eer hter fdr false_positive false_positives false_negative false_negatives false_positive_rate false_negative_rate
false_alarm false_alarms miss_rate misclassification misclassified mistakes incorrect wrong failures fails fall_out
mean_rank regret latency time times runtime duration seconds secs memory cost costs penalty violation violations
""")
"""Names of which less is better."""

_TIMES = {"s", "sec", "secs", "second", "seconds", "ms", "us", "minute", "min", "hour", "time"}
_ASIDE = frozenset(
    _listed("""
    train training trn val valid validation test testing tst eval evaluation dev holdout oof cv fold set split epoch
    step iter batch batches micro macro weighted samples sample avg average mean median total sum running ema smoothed smooth best final last
    current cur new max min of on in the at k percent pct value metric raw overall all binary multiclass multilabel categorical sparse
    mini mlm lm top ovo ovr
    """)
)
"""Words that say where or how a metric was taken, not which it is."""
_BARE = re.compile(r"(?:val|valid|validation|test|train|eval|dev|avg|mean|balanced)(\w+)")
_OTHER = frozenset(
    _listed("""
    non not un dis anti no without lack drop gap decrease degradation delta diff difference std stdev stddev stderr spread change
    """)
)
"""Words of which nobody knows what becomes of a metric with them, wherever they stand."""
_FLIPS = {
    "neg", "negative", "negated", "negate", "minus", "oneminus", "inverse", "inverted", "inv", "reciprocal", "opposite", "complement",
}  # fmt: skip


def direction(name: str) -> Direction:
    """Whether a metric of this name is minimized or maximized, and why; None when nobody can know.

    Example:
        >>> direction("val_acc")
        Direction(way='maximize', why="more of 'acc' is better")
        >>> direction("acc_loss").way, direction("neg_mean_squared_error").way, direction("loss_scale").way
        ('minimize', 'maximize', None)
    """
    words, turned = _words(name)
    if not words:
        return Direction(None, f"nothing in {name!r} names a metric")
    other = next((word for word in words if word in _OTHER), None)
    if other is not None:
        return Direction(None, f"{other!r} makes {name!r} say something else")
    rated = _per(words)
    if rated is not None:
        return Direction(rated, f"{' '.join(words)!r} is a rate over time" if rated == "maximize" else f"{' '.join(words)!r} is a time")  # fmt: skip
    if words[0] == "d2":
        return Direction("maximize", "a D2 score is the share that a model explains")
    found, way = _last(words)
    if way is None:
        return Direction(None, f"{found!r} is no metric whose direction danlu knows")
    more = "more" if way == "maximize" else "less"
    if turned:
        way = "minimize" if way == "maximize" else "maximize"
        return Direction(way, f"{more} of {found!r} is better, and {turned!r} turns it around")
    return Direction(way, f"{more} of {found!r} is better")


def contradicted(name: str, *, maximize: bool) -> str:
    """What to say of a metric that is optimized against what its name says; '' where the two agree or the name says nothing.

    Example:
        >>> contradicted("accuracy", maximize=True), contradicted("x", maximize=False)
        ('', '')
        >>> contradicted("accuracy", maximize=False)[:77]
        "accuracy is minimized, as asked, although more of 'accuracy' is better. If th"
    """
    way, why = direction(name)
    asked = "maximize" if maximize else "minimize"
    if way in (None, asked):
        return ""
    return f"{name} is {asked}d, as asked, although {why}. If that is not what is meant, {way} it, in a study of another name."


def _words(name: str) -> tuple[list[str], str]:
    """The words of a name, and what turns its meaning around ('' when nothing does)."""
    text = name.replace("²", "2").replace("\u2212", "-").strip()
    one = re.match(r"(?:1(?:\.0*)?|100|one)\s*(?:[-/]|_?minus_?)\s*(?=[A-Za-z])|-(?=\s*[A-Za-z])", text)
    turned = one[0].strip("_ ") if one else ""
    text = text[one.end() :] if one else text
    text = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", re.sub(r"([A-Z]+)([A-Z][a-z]+)", r"\1_\2", text))
    text = re.sub(r"\bm_AP", "map", re.sub(r"(?i)(?<![a-z])m_AP(?![a-z])", "map", text))
    words = [word for word in re.split(r"[^a-z0-9]+", text.lower()) if word]
    for at in range(len(words) - 2, -1, -1):
        named = (
            words[at : at + 3] == ["neg", "log", "likelihood"]
            or words[at : at + 2] == ["reciprocal", "rank"]
            or (at and words[at - 1] in {"true", "false"})
        )
        if words[at] in _FLIPS and not named:
            return words[at + 1 :], words[at]
    return words, turned


def _per(words: list[str]) -> Way | None:
    """Samples per second rise, seconds per step fall; None for what is not a rate."""
    if words[:2] == ["time", "to"] and len(words) > 2:
        return "minimize"
    if len(words) == 2 and words[1] in {"s", "sec", "second"} and words[0] not in _TABLE:
        return "maximize"
    if "per" not in words[1:-1]:
        return None
    at = len(words) - 1 - words[::-1].index("per")
    if words[at + 1] in _TIMES:
        return "maximize"
    return "minimize" if words[at - 1] in _TIMES else None


def _last(words: list[str]) -> tuple[str, Way | None]:
    """The last words that mean a metric, with their direction; the word that stands in the way otherwise."""
    if "per" in words[1:-1] and "_".join(words) not in _TABLE:  # loss per token is a loss
        at = words.index("per")
        phrase = _phrase(words, len(words))
        if phrase is None:
            words = words[:at]
    end = len(words)
    plain = ""
    while end:
        found = _phrase(words, end)
        if found is not None:
            word, way = found
            if word not in {"score", "scores"}:
                return word, way
            before = _phrase(words, end - 1)  # an FID score is an FID
            return before if before is not None else (word, way)
        word = words[end - 1]
        if word in {"distance", "index", "coefficient"} and end > 1 and _phrase(words, end - 1):
            end -= 1
            continue
        if not (word in _ASIDE or word.isdigit()):
            return word, None
        plain = plain or word
        end -= 1
    if words[0].startswith("top") and (words[0][3:].isdigit() or (words[1:2] and words[1].isdigit())):
        return "top-k accuracy", "maximize"
    return plain or words[-1], None


def _phrase(words: list[str], end: int) -> tuple[str, Way] | None:
    """The longest listed name that ends there."""
    for length in range(min(4, end), 0, -1):
        name = "_".join(words[end - length : end])
        if name in _TABLE:
            return name, _TABLE[name]
    last = words[end - 1]
    if re.fullmatch(r"top\d+", last):
        return "top-k accuracy", "maximize"
    if last.isdigit() and end > 1 and words[end - 2] in {"hr", "p", "r"}:  # HR@10, P@5, R@1
        return f"{words[end - 2]}@{last}", "maximize"
    bare = last.rstrip("0123456789")
    if bare != last and len(bare) > 1 and bare in _TABLE:
        return bare, _TABLE[bare]
    joined = _BARE.fullmatch(last)
    if joined is not None and joined[1] in _TABLE and len(joined[1]) > 2:
        return joined[1], _TABLE[joined[1]]
    joined = re.fullmatch(r"\w*(crossentropy|accuracy|loss)", last)
    return None if joined is None or last == "inaccuracy" else (joined[1], _TABLE[joined[1]])


def _table() -> dict[str, Way]:
    table: dict[str, Way] = {}
    for name in UP:
        table[name] = "maximize"
    for name in DOWN:
        table[name] = "minimize"
    return table


_TABLE = _table()
