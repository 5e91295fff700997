// The dashboard, drawn by Grafana's own parts (@grafana/ui): its panel, its number, its graph. Grafana itself is not there. What
// each panel shows is what Prometheus answers to the panel's queries.
import {
    createTheme, dateTime, EventBusSrv, FieldType, getDisplayProcessor, rangeUtil, reduceField, toDataFrame,
} from "@grafana/data";
import { BigValue, PanelChrome, PanelContextProvider, ThemeContext, TimeSeries } from "@grafana/ui";
import { createRoot } from "react-dom/client";

const { dashboard, prometheus, end, width } = window.GIVEN;
const DAY = 24 * 3600;
const COLUMNS = 24, ROW = 30, GAP = 8;
const theme = createTheme({ colors: { mode: "light" } });
const from = end - 7 * DAY;
const range = { from: dateTime(from * 1000), to: dateTime(end * 1000), raw: { from: "now-7d", to: "now" } };

async function asked(path, values) {
    const answer = await fetch(`${prometheus}/api/v1/${path}?${new URLSearchParams(values)}`);
    const { status, data, error } = await answer.json();
    if (status !== "success") throw new Error(`${values.query}: ${error}`);
    return data.result;
}

const named = (format, labels) => format.replace(/\{\{(\w+)\}\}/g, (_, name) => labels[name] ?? "").trim();

// The answers to a panel's queries, a frame for each series.
async function frames({ targets, fieldConfig, interval: least = "1m" }, panelWidth) {
    const { interval, intervalMs } = rangeUtil.calculateInterval(range, Math.floor(panelWidth), least);
    const all = await Promise.all(targets.map(async ({ expr, legendFormat, instant }) => {
        const query = expr.replaceAll("$__range", "7d").replaceAll("$__interval", interval);
        if (instant) {
            const found = await asked("query", { query, time: end });
            return found.map(({ metric, value: [time, value] }) => ({ metric, legendFormat, values: [[time, value]] }));
        }
        const step = intervalMs / 1000;
        const found = await asked("query_range", { query, start: Math.ceil(from / step) * step, end, step });
        return found.map(({ metric, values }) => ({ metric, legendFormat, values }));
    }));
    const data = all.flat().map(({ metric, legendFormat, values }) => toDataFrame({
        fields: [
            { name: "Time", type: FieldType.time, values: values.map(([time]) => time * 1000) },
            {
                name: "Value", type: FieldType.number, values: values.map(([, value]) => Number(value)), labels: metric,
                config: { ...fieldConfig.defaults, displayNameFromDS: named(legendFormat, metric) || undefined },
            },
        ],
    }));
    data.forEach((frame, at) => frame.fields.forEach((field) => {
        field.state = { ...field.state, seriesIndex: at };
        field.display = getDisplayProcessor({ field, theme });
    }));
    return data;
}

function Shown({ panel, data, width, height }) {
    if (data.length === 0) return <p>No data</p>;
    if (panel.type === "stat") {
        const field = data[0].fields[1];
        const [calc] = panel.options.reduceOptions.calcs;
        const value = field.display(reduceField({ field, reducers: [calc] })[calc]);
        const { colorMode, graphMode, justifyMode, textMode } = panel.options;
        return <BigValue {...{ value, colorMode, graphMode, justifyMode, textMode, theme, width, height }} />;
    }
    return <TimeSeries frames={data} structureRev={1} timeRange={range} timeZone="utc" legend={panel.options.legend}
        width={width} height={height} options={{}} />;
}

function Panel({ panel, data }) {
    const unit = (width - GAP) / COLUMNS;
    const { x, y, w, h } = panel.gridPos;
    const place = { position: "absolute", left: GAP + x * unit, top: GAP + y * (ROW + GAP) };
    return <div style={place}>
        <PanelChrome title={panel.title} width={w * unit - GAP} height={h * (ROW + GAP) - GAP}>
            {(width, height) => <Shown {...{ panel, data, width, height }} />}
        </PanelChrome>
    </div>;
}

const unit = (width - GAP) / COLUMNS;
const shown = await Promise.all(dashboard.panels.map(async (panel) => ({ panel, data: await frames(panel, panel.gridPos.w * unit) })));
const rows = Math.max(...dashboard.panels.map(({ gridPos: { y, h } }) => y + h));
document.body.style = `margin: 0; background: ${theme.colors.background.canvas}; width: ${width}px; height: ${GAP + rows * (ROW + GAP)}px;
    font: 14px ${theme.typography.fontFamily}; color: ${theme.colors.text.primary}`;
createRoot(document.body.appendChild(document.createElement("div"))).render(
    <ThemeContext.Provider value={theme}>
        <PanelContextProvider value={{ eventsScope: "global", eventBus: new EventBusSrv() }}>
            {shown.map(({ panel, data }) => <Panel key={panel.id} panel={panel} data={data} />)}
        </PanelContextProvider>
    </ThemeContext.Provider>,
);
window.EMPTY = shown.filter(({ data }) => data.length === 0).map(({ panel }) => panel.title);
