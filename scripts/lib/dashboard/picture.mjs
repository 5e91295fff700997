// Takes a picture of the dashboard's page in headless Chromium; ends with 1 if a panel is empty.
//
//   node picture.mjs FOLDER PROMETHEUS END WIDTH FILE     FOLDER has node_modules, page.js and page.css
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

const [folder, prometheus, end, width, file] = process.argv.slice(2);
const puppeteer = createRequire(resolve(folder, "package.json"))("puppeteer-core");
const given = {
    dashboard: JSON.parse(readFileSync("dashboards/ai-agent.json", "utf8")),
    prometheus,
    end: Number(end),
    width: Number(width),
};
const html = resolve(folder, "page.html");
writeFileSync(html, `<!doctype html><meta charset="utf-8"><link rel="stylesheet" href="page.css"><body>
<script>window.GIVEN = ${JSON.stringify(given).replaceAll("<", "\\u003c")}</script><script type="module" src="page.js"></script>`);
const browser = await puppeteer.launch({
    executablePath: process.env.CHROMIUM || "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--allow-file-access-from-files"],
});
try {
    const page = await browser.newPage();
    page.on("pageerror", ({ message }) => console.error(message));
    await page.setViewport({ width: given.width, height: 800 });
    await page.goto(pathToFileURL(html).href);
    await page.waitForFunction("window.EMPTY && document.querySelectorAll('canvas').length >= 10", { timeout: 120_000 });
    const empty = await page.evaluate("window.EMPTY");
    if (empty.length > 0) {
        console.error(`no data: ${empty.join(", ")}`);
        process.exitCode = 1;
    }
    await page.screenshot({ path: file, fullPage: true });
} finally {
    await browser.close();
}
