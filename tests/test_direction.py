"""Directions of metrics by their names, as libraries print them; what nobody can know is not guessed."""

import pytest
from sklearn.metrics import get_scorer_names

import danlu
from danlu.core.direction import DOWN, UP, contradicted, direction
from danlu.engines.pattern import Pattern


def listed(names):
    return names.split()


MAXIMIZE = listed("""
accuracy val_acc valAcc val/acc Accuracy test_accuracy acc1 Acc@1 top1 top-1 top5 prec@1 f1 F1 eval_f1 f1_macro macro_f1
auc AUROC val_auroc roc_auc aucpr map mAP mAP50 map@50 mAP50-95 metrics/mAP50 AP75 val_iou mIoU mean_io_u dice ndcg ndcg@10 NDCG@10
mrr recall@20 precision hit_rate hits@10 HR@10 psnr ssim episodic_return charts/episodic_return episode_reward ep_rew_mean
rollout/ep_rew_mean reward return bleu bleu4 sacrebleu rougeL rouge1 rouge_l meteor r2 R2 r2_score score val_score success_rate win_rate
neg_mean_squared_error neg_log_loss neg_root_mean_squared_error log_likelihood elbo mcc matthews_correlation eval_pearson
spearmanr kappa cohen_kappa balanced_accuracy throughput samples_per_second eval_samples_per_second tokens/sec images/s fps
sparse_categorical_accuracy binary_accuracy top_k_categorical_accuracy cosine_similarity c_index concordance_index exact_match em pass@1 explained_variance
testacc valacc accuracy_val acc_test neg_brier_score dice_score f1_score true_positive_rate explained_variance_score adjusted_rand_score mean_reward sharpe
reward_mean 1-error
""")
MINIMIZE = listed("""
loss val_loss valLoss val/loss eval_loss acc_loss accuracy_loss dice_loss valloss testloss mse rmse mae mape smape rmsle msle
MAPE val_mape perplexity ppl bpc bits_per_char fid FID fid_score kid lpips wer cer error test_error top-5_error top5_error err errors
error_rate log_loss logloss mlogloss nll neg_log_likelihood negative_log_likelihood neg_elbo -elbo kl kl_loss kl_divergence
brier brier_score ece expected_calibration_error latency time runtime eval_runtime seconds_per_step ms_per_batch time_to_accuracy
mean_squared_error mean_absolute_error categorical_crossentropy binary_crossentropy sparse_categorical_crossentropy bce cross_entropy
hinge false_positive_rate eer fpr neg_reward 1-acc td_error value_loss val_bce_loss loss_train loss_per_token val_error cost memory
davies_bouldin_score mean_poisson_deviance max_error hausdorff_distance chamfer_distance edit_distance hamming_loss regret
""")
UNKNOWN = listed("""
x metric value val epoch step lr loss_scale grad_norm episode_length ep_len_mean entropy policy_entropy margin gini weight
accuracy_drop loss_ratio return_std acc_std loss_G loss_D foo mapping lossy accident inaccuracy scoreboard timestep mapper length size flops
""")


@pytest.mark.parametrize("name", MAXIMIZE)
def test_more_is_better(name):
    assert direction(name).way == "maximize", direction(name)


@pytest.mark.parametrize("name", MINIMIZE)
def test_less_is_better(name):
    assert direction(name).way == "minimize", direction(name)


@pytest.mark.parametrize("name", UNKNOWN)
def test_what_nobody_can_know_is_not_guessed(name):
    way, why = direction(name)
    assert way is None, why
    assert why


def test_no_name_is_listed_on_both_sides():
    assert not set(UP) & set(DOWN)
    for names in (UP, DOWN):
        assert len(set(names)) == len(names)


def test_every_scorer_of_scikit_learn_is_maximized_or_asked_for():
    """Scorers are greater-is-better by contract, so none may be minimized."""
    ways = {name: direction(name).way for name in get_scorer_names()}
    assert "minimize" not in ways.values(), ways
    assert sum(way is None for way in ways.values()) <= 10, [
        name for name, way in ways.items() if way is None
    ]


@pytest.mark.parametrize(
    ("name", "maximize", "said"),
    [
        ("accuracy", False, "accuracy is minimized, as asked, although more of 'accuracy' is better"),
        ("val_loss", True, "val_loss is maximized, as asked, although less of 'loss' is better"),
        ("neg_mean_squared_error", False, "'neg' turns it around"),
        ("accuracy", True, ""),
        ("val_loss", False, ""),
        ("x", True, ""),
    ],
)
def test_a_direction_against_the_name_is_said(name, maximize, said):
    found = contradicted(name, maximize=maximize)
    assert said in found
    assert bool(said) == bool(found)


def test_a_direction_against_the_name_is_said_once_in_a_study_and_heeded(capsys):
    store = danlu.MemoryStore()
    calls = {"space": {"x": danlu.Float(0, 1)}, "minimize": "accuracy", "store": store}
    danlu.tune(lambda t: t["x"], trials=2, **calls)
    result = danlu.tune(lambda t: t["x"], trials=4, **calls)
    assert capsys.readouterr().err.count("accuracy is minimized, as asked, although") == 1
    assert sum("although more of 'accuracy' is better" in line for line in result.why()) == 1
    assert result.best.value == min(trial.value for trial in result.trials)


@pytest.mark.parametrize(
    ("text", "name", "way"),
    [
        ("-elbo: {x}", "neg_elbo", "minimize"), ("\u2212elbo: {x}", "neg_elbo", "minimize"), ("-ELBO = {x}", "neg_elbo", "minimize"),
        ("loss (-elbo): {x}", "loss_neg_elbo", "minimize"), ("-acc {x}", "neg_acc", "minimize"), ("-loss: {x}", "neg_loss", "maximize"),
        ("1-acc: {x}", "one_minus_acc", "minimize"), ("100-acc: {x}", "one_minus_acc", "minimize"), ("1 - ssim: {x}", "one_minus_ssim", "minimize"),
        ("1.0 - iou {x}", "one_minus_iou", "minimize"), ("1/psnr: {x}", "inverse_psnr", "minimize"), ("non-accuracy: {x}", "non_accuracy", None),
        ("- loss: {x}", "loss", "minimize"), ("epoch 3 - loss: {x}", "epoch_loss", "minimize"), ("lr 1e-3 -loss {x}", "lr_e_loss", "minimize"),
        ("--loss {x}", "loss", "minimize"), ("[1/10] loss {x}", "loss", "minimize"), ("val-acc: {x}", "val_acc", "maximize"),
        ("val_neg_loss={x}", "val_neg_loss", "maximize"), ("true-negative rate {x}", "true_negative_rate", "maximize"),
    ],
)  # fmt: skip
def test_what_turns_a_metric_around_stays_in_its_name(text, name, way):
    """A sign at the beginning or in brackets, one minus, one over; a dash between words turns nothing."""
    assert Pattern(text).names == (name,)
    assert direction(name).way == way


@pytest.mark.parametrize(
    ("name", "way"),
    [
        ("\u2212elbo", "minimize"), ("100-acc", "minimize"), ("1.0-acc", "minimize"), ("1/psnr", "minimize"), ("non-accuracy", None),
        ("val_neg_mean_squared_error", "maximize"), ("val_neg_log_likelihood", "minimize"), ("false_negative_rate", "minimize"),
    ],
)  # fmt: skip
def test_what_turns_a_name_around(name, way):
    assert direction(name).way == way


def test_an_objective_that_is_named_like_a_score_is_minimized_with_a_word(capsys):
    """Unless somebody has said which way, or the name is one that any function may have."""

    def val_acc2(lr=0.1):
        return 1 - (lr - 0.3) ** 2

    def f1(lr=0.1):
        return lr

    def train_error(lr=0.1):
        return lr

    said = "value is minimized, as nobody said otherwise, although more of 'acc' is better by the name of the objective, val_acc2"
    result = danlu.tune(val_acc2, trials=2, watch=False)
    assert said in capsys.readouterr().err
    assert any(said in line for line in result.why())
    for quiet in (f1, train_error, lambda trial: trial.suggest("x", danlu.Float(0, 1))):
        danlu.tune(quiet, trials=1, watch=False)
    danlu.tune(val_acc2, trials=1, maximize="value", watch=False)
    assert "as nobody said" not in capsys.readouterr().err
