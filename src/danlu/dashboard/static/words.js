// Every word of the page, in English and Chinese.
const WORDS = {
  en: {
    studies: "Studies", empty: "There is no study in this store yet. Start one:", trials: "trials", best: "best", trial: "trial",
    state: "state", status: "status", goal: "goal", rate: "rate", s: "s", min: "min", h: "h", day: "day", left: "left", budget: "budget", spent: "spent",
    saved: "saved by stopping early", reading: "reading the journal", events: "events", damaged: "The journal is damaged",
    soundBefore: "What is shown is what is sound before the damage.", away: "The server is away; trying again.",
    filter: "Filter", add: "Add", clear: "Clear all", remove: "remove", selected: "of", rangeHint: "low..high or 3|4",
    history: "History", curves: "Learning curves", parallel: "Parallel coordinates", importance: "Importance", slices: "Slices",
    effects: "Effects", surface: "Response surface", front: "Pareto front", timeline: "Timeline", table: "Trials",
    findings: "What to look at", decisions: "Decisions", mean: "mean", uncertainty: "uncertainty", metric: "metric", method: "method",
    none: "Nothing to show.", noFindings: "Nothing stands out.",
    noTrials: "No trial has been begun yet.", tooFew: "{values} trials with a result are needed, there are {measured}.", filtered: "None of the {total} trials is selected by the filter.",
    allFailed: "All {failed} selected trials failed; their errors are at the top of the page.", awaited: "No trial has a result yet; {live} are not over.",
    valueless: "No trial has a result; {failed} failed.", noCurves: "None of these trials reported this metric while it ran.",
    calculatingOf: "Calculating from {trials} trials:", doing_queued: "waits for its turn", doing_reading: "the journal is being read", doing_diagnosis: "curves",
    doing_importance: "importance", doing_model: "the model", doing_effects: "effects", doing_surface: "the surface",
    above: "above", below: "below", noLog: "at or below 0, without a logarithm", log: "log", wholeRange: "whole range", noValue: "no value", notSet: "not set",
    errors: "What trials failed of", whereFailed: "Show where they failed", traceback: "Traceback of the last that was set aside", asPicture: "save as a picture",
    panelsAbout: "Panels are about", about: "about", oneGoal: "These are about one of the goals: what does nothing for it may drive another.", onFront: "trials on the front",
    volume: "volume", volumeHow: "Volume: the share of the box from the front's best values to a tenth beyond its worst that the front dominates.", frontTable: "As a table",
    briefTrial: "Of this trial the report holds its row and its curves alone.", curveOf: "curve of", scatter: "Any two columns", color: "color", compare: "Compare", clearPicks: "Compare none", pickToCompare: "Compare", picked: "Compared ✓",
    columns: "Columns", inReport: "trials are in this report: the best, and others evenly spread.", modelsOfAll: "Importance, effects, surface and findings are of all trials of the study, not of the selection.",
    brush: "Drag along an axis to select, click it to clear; drag its name to move it, click the name to turn it over.", bestSoFar: "best so far", endedEarly: "ended early",
    pause: "Pause", resume: "Resume", stop: "Stop", prune: "End this trial", enqueue: "Enqueue a point", clone: "Clone and edit",
    note: "Note", notes: "Notes", send: "Send", cancel: "Cancel", sure: "Sure?", reason: "reason", told: "Told the study.",
    back: "Back", parameters: "Parameters", params: "Parameters", thisTrial: "this trial", metrics: "Metrics", eventsOf: "Events", logOf: "Log",
    noLog: "There is no log of this trial on this machine.", artifacts: "Checkpoints", noArtifacts: "No checkpoints are kept.",
    rank: "rank", steps: "steps", seconds: "seconds", why: "why", who: "who", when: "when", what: "what", diagnosis: "Diagnosis",
    language: "中文", light: "light", dark: "dark", keys: "/ filter · t table · Esc back · ? keys", workers: "workers",
    step: "step", views: "Views", viewName: "name of this view", keepView: "Keep", copyLink: "Copy the link", copied_link: "The link is copied.", noStorage: "This browser keeps nothing for this page; copy the link instead.", axes: "Axes", earlier: "to the left", later: "to the right", flip: "turn over", asBefore: "As they come", ranks: "Ranks", rankColors: "color is the rank, the best strongest", edf: "Distribution", shareOfTrials: "share of trials", further: "further out", by_seconds: "seconds of run time", by_cost: "cost", shareOf: "share", stop_help: "No new trials; running ones leave at their next report.", readOnly: "read only",
    asked: "asked", resumed: "resumed", copied: "copied", changed: "changed", steered: "steered", done: "done", stopped: "stopped",
    failed: "failed", running: "running", waiting: "waiting", paused: "paused", queued: "queued", finder: "Learning-rate finder",
    skip: "Skip to the panels", download: "download", notHere: "This report holds the best trials only.", created: "begun", latest: "latest",
    rateAdvised: "advised rate", code: "code", all: "all", setAside: "set aside", otherProgram: "another program",
    question: "Question: which values of these, with the learning rates tuned along", freshSeed: "fresh seed", there: "what was there", rival: "the stage's best", difference: "difference", chance: "chance that it is better", pairedHow: "Losses, less is better: both trained on the same fresh seeds.", isolation: "Isolation: the best of each part, over all that was tuned along", isolationHow: "Each bar is the best value of one part, on a scale from the least of them to the largest, and behind it the number of trials there. Parts with few trials are told by chance.",
    beside: "Studies beside each other", bestByTrial: "Best so far, by trial", bestByTime: "Best so far, by time", spaces: "What they search", sameSpace: "All search the same.", otherGoals: "Their goals differ, so their values are not drawn together.", took: "time", archive: "Archive", unarchive: "Bring back", archivedToo: "Archived", findStudy: "name or tag",
    files: "Files", filesElsewhere: "The files themselves are in the store, not in this report.", noPicture: "This is no picture that can be shown.", showText: "show", moreText: "The rest is in the download.",
    tags: "Tags", newTag: "new tag", tag: "tag",
    stages: "Stages", judgments: "Judgments", searched: "in the search", fresh: "fresh seeds", default: "default", partOf: "Part of", campaign: "campaign", configuration: "configuration",
  },
  zh: {
    studies: "研究", empty: "此存储中还没有研究。开始一个:", trials: "个试验", best: "最佳", trial: "试验", state: "状态", status: "状态",
    goal: "目标", rate: "速率", s: "秒", min: "分钟", h: "小时", day: "天", left: "剩余", budget: "预算", spent: "已用", saved: "提前停止节省",
    reading: "正在读取日志", events: "个事件", damaged: "日志已损坏", soundBefore: "所示为损坏之前的完好部分。",
    away: "服务器暂时离线,正在重试。", filter: "筛选", add: "添加", clear: "全部清除", remove: "移除", selected: "/",
    rangeHint: "下限..上限 或 3|4", history: "历史", curves: "学习曲线", parallel: "平行坐标", importance: "重要性", slices: "切片",
    effects: "主效应", surface: "响应面", front: "帕累托前沿", timeline: "时间线", table: "试验表", findings: "值得注意",
    noTrials: "还没有开始任何试验。", tooFew: "需要 {values} 个有结果的试验,现有 {measured} 个。", filtered: "筛选条件未选中 {total} 个试验中的任何一个。",
    allFailed: "所选的 {failed} 个试验全部失败;错误见页面顶部。", awaited: "还没有试验得出结果;{live} 个尚未结束。", valueless: "没有试验得出结果;{failed} 个失败。",
    noCurves: "这些试验在运行中都没有报告此指标。", calculatingOf: "正在用 {trials} 个试验计算:", doing_queued: "排队中", doing_reading: "正在读取日志", doing_diagnosis: "曲线",
    doing_importance: "重要性", doing_model: "模型", doing_effects: "主效应", doing_surface: "响应面", above: "个在上方", below: "个在下方", noLog: "个不大于 0,没有对数",
    log: "对数", wholeRange: "全部范围", noValue: "无值", notSet: "未设", errors: "试验失败的原因", whereFailed: "显示失败的位置", traceback: "最后被搁置的试验的回溯", asPicture: "保存为图片",
    panelsAbout: "各面板所示指标", about: "关于", oneGoal: "以上仅针对其中一个目标:对它不起作用的参数可能影响另一个目标。", onFront: "个试验在前沿上", volume: "超体积",
    volumeHow: "超体积:从前沿最佳值到其最差值再外扩十分之一的区域中,被前沿支配的比例。", frontTable: "以表格显示", briefTrial: "此报告仅包含该试验的一行数据及其曲线。", curveOf: "曲线指标", scatter: "任意两列", color: "颜色",
    compare: "比较", clearPicks: "取消比较", pickToCompare: "加入比较", picked: "比较中 ✓", columns: "列", inReport: "个试验在此报告中:最佳的,以及均匀选取的其他试验。",
    modelsOfAll: "重要性、主效应、响应面和发现针对研究的全部试验,而非所选试验。",
    decisions: "决策", mean: "均值", uncertainty: "不确定度", metric: "指标", method: "方法", none: "没有内容。", noFindings: "没有突出的问题。", brush: "沿坐标轴拖动以筛选,单击清除;拖动名称移动坐标轴,单击名称翻转。", bestSoFar: "迄今最佳",
    endedEarly: "提前结束", pause: "暂停", resume: "继续", stop: "停止", prune: "结束此试验", enqueue: "加入一个点", clone: "复制并修改",
    note: "备注", notes: "备注", send: "发送", cancel: "取消", sure: "确定?", reason: "原因", told: "已告知研究。", back: "返回",
    parameters: "参数", params: "参数", thisTrial: "此试验", metrics: "指标", eventsOf: "事件", logOf: "日志", noLog: "本机没有此试验的日志。",
    artifacts: "检查点", noArtifacts: "没有保留检查点。", rank: "名次", steps: "步", seconds: "秒", why: "原因", who: "谁", when: "时间",
    what: "事件", diagnosis: "诊断", language: "English", light: "浅色", dark: "深色", keys: "/ 筛选 · t 表格 · Esc 返回 · ? 按键",
    workers: "工作进程", step: "步", views: "视图", viewName: "此视图的名称", keepView: "保存", copyLink: "复制链接", copied_link: "链接已复制。", noStorage: "此浏览器不为本页保存数据,请改为复制链接。", axes: "坐标轴", earlier: "左移", later: "右移", flip: "翻转", asBefore: "恢复默认", ranks: "名次", rankColors: "颜色表示名次,最佳最醒目", edf: "经验分布", shareOfTrials: "试验占比", further: "个更远", by_seconds: "运行秒数", by_cost: "成本", shareOf: "占比", stop_help: "不再开始新试验;运行中的试验在下次报告时离开。", readOnly: "只读",
    asked: "提出", resumed: "恢复", copied: "复制", changed: "改变", steered: "人工", done: "完成", stopped: "已停止", failed: "失败",
    running: "运行中", waiting: "等待", paused: "已暂停", queued: "排队", finder: "学习率搜索", skip: "跳到面板", download: "下载",
    notHere: "此报告只包含最佳试验。", created: "开始", latest: "最近", rateAdvised: "建议的学习率", code: "代码", all: "全部", setAside: "已搁置", otherProgram: "其他程序",
    question: "问题:在同时调整学习率的情况下,这些参数取何值", freshSeed: "新种子", there: "原有配置", rival: "本阶段最佳", difference: "差值", chance: "更好的概率", pairedHow: "损失值,越小越好:二者在相同的新种子上训练。", isolation: "隔离图:每一段在所有同时调整的参数上的最佳值", isolationHow: "每条为一段的最佳值,刻度从最小到最大,后面是该段的试验数。试验很少的段带有偶然性。",
    beside: "研究对比", bestByTrial: "按试验的迄今最佳", bestByTime: "按时间的迄今最佳", spaces: "搜索空间", sameSpace: "搜索空间全部相同。", otherGoals: "目标不同,因此不在同一图中绘制。", took: "用时", archive: "归档", unarchive: "取消归档", archivedToo: "已归档", findStudy: "名称或标签",
    files: "文件", filesElsewhere: "文件本身在存储中,不在此报告中。", noPicture: "这不是可以显示的图片。", showText: "显示", moreText: "其余部分请下载查看。",
    tags: "标签", newTag: "新标签", tag: "标签",
    stages: "阶段", judgments: "裁决", searched: "搜索中", fresh: "新种子", default: "默认", partOf: "属于", campaign: "系列研究", configuration: "配置",
  },
};

const kept = () => {
  try {
    return localStorage.getItem("danlu-language");
  } catch {
    return null; // a file opened from disk may have no storage
  }
};

export let language = kept() || (navigator.language.startsWith("zh") ? "zh" : "en");
document.documentElement.lang = language;

export function setLanguage(to) {
  language = to;
  document.documentElement.lang = to;
  try {
    localStorage.setItem("danlu-language", to);
  } catch {
    return;
  }
}

export const t = (word) => WORDS[language][word] ?? word;

// Dates and times in the page's language, not the browser's.
const tongue = () => (language === "zh" ? "zh-CN" : navigator.language.startsWith("zh") ? "en-GB" : navigator.language);
export const clock = (at) => (at ? new Date(at * 1000).toLocaleString(tongue()) : "");
export const time = (at) => new Date(at * 1000).toLocaleTimeString(tongue());
