// Opens pages in headless Chromium: examines them with axe-core, or takes pictures of them.
//
//   node pages.mjs MODULES check FOLDER PAGE...     findings, and a picture of each page by width and color scheme
//   node pages.mjs MODULES picture FILE WIDTH HEIGHT PAGE
//   node pages.mjs MODULES render REPORT TEMPLATE PAGE   the report of `ai-agent solve --json` as a page
//
// MODULES is the folder with node_modules; CHROMIUM names the browser.
import { readFile, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { basename, resolve } from "node:path";
import { pathToFileURL } from "node:url";

const [modules, command, ...rest] = process.argv.slice(2);
const require = createRequire(resolve(modules, "package.json"));

const WIDTHS = [390, 1400];
const SCHEMES = ["light", "dark"];
const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

async function browse(work) {
    const puppeteer = require("puppeteer-core");
    const browser = await puppeteer.launch({
        executablePath: process.env.CHROMIUM || "/usr/bin/chromium",
        args: ["--no-sandbox", "--disable-gpu", "--hide-scrollbars"],
    });
    try {
        return await work(browser);
    } finally {
        await browser.close();
    }
}

async function open(browser, file, width, height, scheme) {
    const page = await browser.newPage();
    // The page's policy allows no script; axe is one.
    await page.setBypassCSP(true);
    await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
    await page.setViewport({ width, height, deviceScaleFactor: 1 });
    await page.goto(pathToFileURL(resolve(file)).href);
    return page;
}

async function check([folder, ...files]) {
    const axe = await readFile(require.resolve("axe-core/axe.min.js"), "utf8");
    let found = 0;
    await browse(async (browser) => {
        for (const file of files) {
            for (const scheme of SCHEMES) {
                for (const width of WIDTHS) {
                    const page = await open(browser, file, width, 900, scheme);
                    await page.screenshot({
                        path: `${folder}/${basename(file, ".html")}-${width}-${scheme}.png`,
                        fullPage: true,
                    });
                    // What stands in folded parts counts as well.
                    await page.$$eval("details", (all) => all.forEach((one) => (one.open = true)));
                    await page.evaluate(axe);
                    const { violations, incomplete } = await page.evaluate(
                        (rules) => window.axe.run(document, { runOnly: { type: "tag", values: rules } }),
                        RULES,
                    );
                    const wide = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
                    if (wide > 0) violations.push({ id: `page is ${wide} px too wide`, impact: "serious", nodes: [{}] });
                    const count = violations.reduce((sum, { nodes }) => sum + nodes.length, 0);
                    found += count;
                    console.log(`${basename(file)} at ${width} px, ${scheme}: ${count} findings, ${incomplete.length} rules undecided`);
                    for (const { id, impact, nodes } of violations) {
                        console.log(`  ${id} (${impact}): ${nodes.length}, such as ${nodes[0].target ?? "the page"}`);
                    }
                    for (const { id, nodes } of incomplete) {
                        console.log(`  undecided: ${id}: ${nodes.length}, such as ${nodes[0].target}: ${nodes[0].any[0]?.message}`);
                    }
                    await page.close();
                }
            }
        }
    });
    process.exitCode = found === 0 ? 0 : 1;
}

async function picture([file, width, height, source]) {
    await browse(async (browser) => {
        const page = await open(browser, source, Number(width), Number(height), "light");
        await page.screenshot({ path: file, clip: { x: 0, y: 0, width: Number(width), height: Number(height) } });
    });
}

async function render([report, template, target]) {
    const { marked } = require("marked");
    const run = JSON.parse(await readFile(report, "utf8"));
    const escaped = (text) =>
        text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
    const line = (text) => {
        const kind = { "+": "added", "-": "removed", "@": "place" }[text[0]] ?? "same";
        return `<span class="${kind}">${escaped(text)}</span>`;
    };
    const diff = run.files.map(({ path, diff }) => {
        const lines = diff.trimEnd().split("\n").slice(2).map(line).join("");
        return `<h3>${escaped(path)}</h3><pre class="diff">${lines}</pre>`;
    });
    const values = {
        TITLE: escaped(run.title).replace(/`([^`]*)`/g, "<code>$1</code>"),
        BRANCH: escaped(run.branch),
        BASE: escaped(run.base.branch ?? "main"),
        BODY: marked.parse(run.pull_request_body),
        DIFF: diff.join("\n"),
    };
    const page = await readFile(template, "utf8");
    await writeFile(target, page.replace(/\{\{(\w+)\}\}/g, (_, name) => values[name]));
}

const commands = { check, picture, render };
await commands[command](rest);
