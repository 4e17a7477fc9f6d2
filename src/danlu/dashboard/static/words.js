// Every word of the page, in English and Chinese.
const WORDS = {
  en: {
    studies: "Studies", empty: "There is no study in this store yet. Start one:", trials: "trials", best: "best", trial: "trial",
    state: "state", status: "status", goal: "goal", rate: "rate", s: "s", min: "min", h: "h", day: "day", left: "left", budget: "budget", spent: "spent",
    saved: "saved by stopping early", reading: "reading the journal", events: "events", damaged: "The journal is damaged",
    soundBefore: "What is shown is what is sound before the damage.", away: "The server is away; trying again.",
    filter: "Filter", add: "Add", clear: "Clear all", remove: "remove", selected: "of", rangeHint: "low..high or a|b",
    history: "History", curves: "Learning curves", parallel: "Parallel coordinates", importance: "Importance", slices: "Slices",
    effects: "Effects", surface: "Response surface", front: "Pareto front", timeline: "Timeline", table: "Trials",
    findings: "What to look at", decisions: "Decisions", mean: "mean", uncertainty: "uncertainty", metric: "metric", method: "method",
    few: "At least 4 trials with a result are needed.", none: "Nothing to show yet.", noFindings: "Nothing stands out.",
    brush: "Drag along an axis to select; click it to clear.", bestSoFar: "best so far", endedEarly: "ended early",
    pause: "Pause", resume: "Resume", stop: "Stop", prune: "End this trial", enqueue: "Enqueue a point", clone: "Clone and edit",
    note: "Note", notes: "Notes", send: "Send", cancel: "Cancel", sure: "Sure?", reason: "reason", told: "Told the study.",
    back: "Back", parameters: "Parameters", params: "Parameters", thisTrial: "this trial", metrics: "Metrics", eventsOf: "Events", log: "Log",
    noLog: "There is no log of this trial on this machine.", artifacts: "Checkpoints", noArtifacts: "No checkpoints are kept.",
    rank: "rank", steps: "steps", seconds: "seconds", why: "why", who: "who", when: "when", what: "what", diagnosis: "Diagnosis",
    language: "中文", light: "light", dark: "dark", keys: "/ filter · t table · Esc back · ? keys", workers: "lanes of workers",
    step: "step", shareOf: "share", stop_help: "No new trials; running ones leave at their next report.", readOnly: "read only",
    asked: "asked", resumed: "resumed", copied: "copied", changed: "changed", steered: "steered", done: "done", stopped: "stopped",
    failed: "failed", running: "running", waiting: "waiting", paused: "paused", queued: "queued", finder: "Learning-rate finder",
    skip: "Skip to the panels", download: "download", notHere: "This report holds the best trials only.", created: "begun", latest: "latest",
    rateAdvised: "advised rate", code: "code", all: "all", setAside: "set aside", otherProgram: "another program",
    stages: "Stages", judgments: "Judgments", searched: "in the search", fresh: "fresh seeds", default: "default", partOf: "Part of", campaign: "campaign", configuration: "configuration",
  },
  zh: {
    studies: "研究", empty: "此存储中还没有研究。开始一个:", trials: "个试验", best: "最佳", trial: "试验", state: "状态", status: "状态",
    goal: "目标", rate: "速率", s: "秒", min: "分钟", h: "小时", day: "天", left: "剩余", budget: "预算", spent: "已用", saved: "提前停止节省",
    reading: "正在读取日志", events: "个事件", damaged: "日志已损坏", soundBefore: "所示为损坏之前的完好部分。",
    away: "服务器暂时离线,正在重试。", filter: "筛选", add: "添加", clear: "全部清除", remove: "移除", selected: "/",
    rangeHint: "下限..上限 或 a|b", history: "历史", curves: "学习曲线", parallel: "平行坐标", importance: "重要性", slices: "切片",
    effects: "主效应", surface: "响应面", front: "帕累托前沿", timeline: "时间线", table: "试验表", findings: "值得注意",
    decisions: "决策", mean: "均值", uncertainty: "不确定度", metric: "指标", method: "方法", few: "至少需要 4 个有结果的试验。",
    none: "暂无内容。", noFindings: "没有突出的问题。", brush: "沿坐标轴拖动以筛选,单击清除。", bestSoFar: "迄今最佳",
    endedEarly: "提前结束", pause: "暂停", resume: "继续", stop: "停止", prune: "结束此试验", enqueue: "加入一个点", clone: "复制并修改",
    note: "备注", notes: "备注", send: "发送", cancel: "取消", sure: "确定?", reason: "原因", told: "已告知研究。", back: "返回",
    parameters: "参数", params: "参数", thisTrial: "此试验", metrics: "指标", eventsOf: "事件", log: "日志", noLog: "本机没有此试验的日志。",
    artifacts: "检查点", noArtifacts: "没有保留检查点。", rank: "名次", steps: "步", seconds: "秒", why: "原因", who: "谁", when: "时间",
    what: "事件", diagnosis: "诊断", language: "English", light: "浅色", dark: "深色", keys: "/ 筛选 · t 表格 · Esc 返回 · ? 按键",
    workers: "工作进程", step: "步", shareOf: "占比", stop_help: "不再开始新试验;运行中的试验在下次报告时离开。", readOnly: "只读",
    asked: "提出", resumed: "恢复", copied: "复制", changed: "改变", steered: "人工", done: "完成", stopped: "已停止", failed: "失败",
    running: "运行中", waiting: "等待", paused: "已暂停", queued: "排队", finder: "学习率搜索", skip: "跳到面板", download: "下载",
    notHere: "此报告只包含最佳试验。", created: "开始", latest: "最近", rateAdvised: "建议的学习率", code: "代码", all: "全部", setAside: "已搁置", otherProgram: "其他程序",
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
