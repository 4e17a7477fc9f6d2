"""Directions of metrics by their names, as libraries print them; what nobody can know is not guessed."""

import pytest
from sklearn.metrics import get_scorer_names

import danlu
from danlu.problem.direction import DOWN, UP, contradicted, direction
from danlu.programs.printed.pattern import Pattern


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
    store = danlu.stores.MemoryStore()
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
        ("100 * (1-acc): {x}", "one_minus_acc", "minimize"), ("-1 * reward: {x}", "neg_reward", "minimize"), ("acc * -1: {x}", "neg_acc", "minimize"),
        ("best: -elbo {x}", "best_neg_elbo", "minimize"), ("1\u2013acc: {x}", "one_minus_acc", "minimize"), ("1.0 / psnr {x}", "inverse_psnr", "minimize"),
        ("one - acc {x}", "one_minus_acc", "minimize"), ("1 - (acc) {x}", "one_minus_acc", "minimize"), ("psnr^-1 {x}", "inverse_psnr", "minimize"),
        ('{"-elbo": {x}}', "neg_elbo", "minimize"), (r"re:\-elbo: (?P<x>\S+)", "neg_elbo", "minimize"), ("{step}/100 - acc: {x}", "acc", "maximize"),
        ("un-accuracy {x}", "un_accuracy", None), ("dis-similarity {x}", "dis_similarity", None), ("std acc {x}", "std_acc", None),
        ("drop in acc {x}", "drop_in_acc", None), ("reciprocal psnr {x}", "reciprocal_psnr", "minimize"), ("reciprocal rank {x}", "reciprocal_rank", "maximize"),
        ("val_neg_loss={x}", "val_neg_loss", "maximize"), ("true-negative rate {x}", "true_negative_rate", "maximize"),
    ],
)  # fmt: skip
def test_what_turns_a_metric_around_stays_in_its_name(text, name, way):
    """A sign at the beginning or in brackets, one minus, one over; a dash between words turns nothing."""
    assert Pattern(text).names == (name,)
    assert direction(name).way == way


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("- loss: {x}", "may be a sign or a dash"), ("val -elbo {x}", "may be a sign or a dash"), ("{step} -elbo: {x}", "may be a sign or a dash"),
        ("lr 1e-3 -loss {x}", "may be a sign or a dash"), ("loss {loss} -acc {x}", "may be a sign or a dash"), ("{step}/9 -acc: {x}", "may be a sign or a dash"),
        ("val 1-acc: {x}", "may be a difference or a dash"), ("val/1-acc: {x}", "may be a difference or a dash"),
        ("val_1-acc: {x}", "may be a difference or a dash"), ("loss = 1 - dice: {x}", "may be a difference or a dash"),
        ("-elbo: {elbo}", "turns around what elbo says"), ("negative elbo {elbo}", "turns around what elbo says"), ("1-acc {acc}", "turns around what acc says"),
        ("non-acc: {acc}", "turns around what acc says"), ("re:1-acc=(?P<acc>.*)", "turns around what acc says"),
        (r"re:(?P<step>\d+) -elbo: (?P<elbo>\S+)", "turns around what elbo says"),
        ("-elbo: {neg_elbo}", ""), ("1 - ssim: {x}", ""), ("epoch {step} - acc: {x}", ""), ("loss: {loss} - acc: {acc}", ""), ("INFO - acc: {x}", ""),
        ("2024-01-01 12:00:01 - acc: {x}", ""), ("{step}/100 - acc: {x}", ""), ("top-1 acc {x}", ""), ("top 1-acc {x}", ""), ("val-loss {x}", ""),
        ("re:val-loss=(?P<x>.*)", ""), ("[1/1] - acc {x}", ""),
    ],
)  # fmt: skip
def test_what_may_turn_a_metric_around_or_not_is_a_doubt(text, said):
    """A dash before a word, a number before a dash, and a hole whose own name leaves out what its line says."""
    found = " ".join(Pattern(text).doubts.values())
    assert said in found
    assert bool(said) == bool(found)


def test_a_doubtful_direction_is_asked_for(tmp_path):
    from click.testing import CliRunner

    from danlu.cli.main import danlu as main

    (tmp_path / "train.py").write_text(
        "import argparse\np = argparse.ArgumentParser()\np.add_argument('--lr', type=float, default=0.1)\n"
        "print('-elbo:', p.parse_args().lr)\n"
    )
    call = ["run", str(tmp_path / "train.py"), "--tune", "lr", "--metric", "-elbo: {elbo}", "--trials", "2"]
    asked = CliRunner().invoke(main, call)
    assert asked.exit_code == 2
    assert "nobody can know whether more of 'elbo' is better" in asked.output
    assert "turns around" in asked.output
    assert "Say --minimize elbo or --maximize elbo" in asked.output
    assert CliRunner().invoke(main, [*call, "--minimize", "elbo"]).exit_code == 0


@pytest.mark.parametrize(
    ("name", "way"),
    [
        ("\u2212elbo", "minimize"), ("100-acc", "minimize"), ("1.0-acc", "minimize"), ("1/psnr", "minimize"), ("non-accuracy", None),
        ("val_neg_mean_squared_error", "maximize"), ("val_neg_log_likelihood", "minimize"), ("false_negative_rate", "minimize"),
    ],
)  # fmt: skip
def test_what_turns_a_name_around(name, way):
    assert direction(name).way == way


def test_a_direction_that_nobody_gave_is_said(capsys):
    """Once, with what the objective's name says against it, unless that is one that any function may have."""

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
    store = danlu.stores.MemoryStore()
    for plain in (f1, train_error, lambda trial: trial.suggest("x", danlu.Float(0, 1)), f1):
        name = getattr(plain, "__name__", "")
        result = danlu.tune(plain, trials=1, watch=False, store=store, name=name)
        assert sum("value is minimized, as nobody said otherwise (" in line for line in result.why()) == 1
    told = capsys.readouterr().err
    assert told.count("value is minimized, as nobody said otherwise (") == 3  # once in a study
    assert "although" not in told
    danlu.tune(val_acc2, trials=1, maximize="value", watch=False)
    assert "as nobody said" not in capsys.readouterr().err
