"""report.html in a browser: Debian's chromium, driven by playwright.

    report.py REPORT_PAGES     run by tests/run

REPORT_PAGES is the example of rollcall-core that renders invented nights through the real renderer
(core/examples/report_pages.rs). Whatever a test does, the page may say nothing on the console, ask for
nothing but itself and break no rule of its own policy. Figures go to stdout, screenshots and pages to
target/browser/ (look at them).
"""

import itertools
import json
import os
import re
import resource
import subprocess
import sys
import time
import unicodedata
import unittest
from pathlib import Path

import axe_playwright_python
from playwright.sync_api import expect, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
OUT = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "browser"
AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
).split()
SMALL, LARGE = 10, 100_000
WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 390, "height": 844}

# What the page is held to, in milliseconds. Other work on the machine only ever makes it slower, so the
# best of a few tries counts.
OPEN_MS, FIND_MS, TRIES = 3_000, 200, 7
PAGE_BYTES = 25_000_000
# Rows on paper, and without scripts.
PRINTED, PRINTED_UNASKED, WITHOUT_SCRIPTS = 2_000, 200, 500
# Rows of one page on the screen.
PAGE_ROWS = 50

# Runs before the page's own script: notes when the page was drawn and usable, how long each input
# took to its painted answer, and what stood on paper. A frame begins after the one before was painted.
WATCH = """
const painted = (then) => requestAnimationFrame(() => requestAnimationFrame(then));
window.watched = { answers: [], printed: [] };
addEventListener("DOMContentLoaded", () => painted(() => { watched.usable = performance.now(); }));
for (const kind of ["input", "change"]) {
  addEventListener(kind, (event) => painted(() => watched.answers.push(performance.now() - event.timeStamp)), true);
}
addEventListener("afterprint", () => {
  for (const find of document.querySelectorAll(".find")) {
    watched.printed.push({
      table: find.dataset.table,
      rows: find.nextElementSibling.querySelectorAll("tbody tr").length,
      said: find.querySelector(".count").textContent,
    });
  }
});
addEventListener("securitypolicyviolation", (event) => console.error("policy", event.violatedDirective));
"""

# Values of the example, and what a reader is to see.
HOSTILE = [
    "</script><script>document.title = 'taken'</script>",
    '"><img src=x onerror=alert(1)>',
    '=HYPERLINK("https://woodgrove.example","click")',
    "Ann [U+202E]exe.gpj[U+202C] [U+2066]Smith[U+200B]",
    "<!--<script>\u2400\u241b[31m[U+2028]]]>",
    "Maximiliane " * 834,
    "W" * 10_000,
]


def setUpModule():
    OUT.mkdir(parents=True, exist_ok=True)
    for count in (SMALL, LARGE):
        begun = time.monotonic()
        page = subprocess.run([BINARY, str(count)], check=True, capture_output=True).stdout
        took = time.monotonic() - begun
        path(count).write_bytes(page)
        # What a mail scanner leaves of it.
        stripped = re.sub(rb"(?s)<script.*?</script>", b"", page)
        path(count, "stripped").write_bytes(stripped)
        print(f"{count:,} changes: {len(page):,} bytes, rendered in {took:.2f} s")
    most = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    print(f"{most:,} KB at most while rendering, the report included")
    global DRIVER, BROWSER
    DRIVER = sync_playwright().start()
    BROWSER = DRIVER.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)


def tearDownModule():
    BROWSER.close()
    DRIVER.stop()


def path(count, kind="report"):
    return OUT / f"{kind}-{count}.html"


def folded(text):
    """As the page says that it searches."""
    text = text.lower()
    if text.isascii():
        return text
    return "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.category(c).startswith("M"))


def rows(count, table):
    """Every row of the page's data: the texts of its columns and attributes."""
    page = path(count).read_text(encoding="utf-8")
    data = json.loads(re.search(f'id="data-{table}">(.*?)</script>', page, re.S)[1])
    strings, values = data["strings"], iter(data["values"])
    columns = list(data["columns"].values())
    out = []
    for row, attributes in enumerate(data["counts"]):
        texts = [strings[column[row]] for column in columns]
        texts += [strings[next(values)] for _ in range(3 * attributes)]
        out.append([folded(text) for text in texts])
    return out


def best(measure):
    """The best of what was measured, in milliseconds, and all of it as text."""
    took = [measure() for _ in range(TRIES)]
    return min(took), f"{min(took):.0f} ms (of {', '.join(f'{ms:.0f}' for ms in took)})"


class Report(unittest.TestCase):
    def opened(self, count, kind="report", **how):
        """The page in a context of its own, watched for whatever it must not do."""
        how.setdefault("viewport", WIDE)
        context = BROWSER.new_context(**how)
        self.addCleanup(context.close)
        page = context.new_page()
        self.page, self.wrong = page, []
        address = path(count, kind).as_uri()
        page.add_init_script(WATCH)
        page.on("console", lambda it: self.wrong.append(f"console {it.type}: {it.text}"))
        page.on("pageerror", lambda it: self.wrong.append(f"error: {it}"))
        page.on("dialog", lambda it: (self.wrong.append(f"dialog: {it.message}"), it.dismiss()))
        page.on("request", lambda it: self.wrong.append(f"request: {it.url}") if it.url.split("#")[0] != address else None)
        page.goto(address)
        if how.get("java_script_enabled", True):
            self.until("watched.usable")
        return page

    def until(self, condition):
        """Waits frame by frame; the page's policy does not let playwright's own waiting evaluate text."""
        self.page.evaluate(f"""new Promise((done) => {{
            const look = () => ({condition} ? done() : requestAnimationFrame(look));
            look();
        }})""")

    def tearDown(self):
        self.assertEqual(self.wrong, [])

    def find(self, table="changes"):
        return self.page.locator(f".find[data-table={table}]")

    def select(self, column, table="changes"):
        return self.find(table).locator(f"select[data-column={column}]")

    def option(self, select, value):
        """The option of a value, whatever its count."""
        return select.locator("option", has_text=re.compile(f"^{value} ")).get_attribute("value")

    def drawn(self, table="changes"):
        return self.page.locator(f".find[data-table={table}] + .scroll tbody tr")

    def shot(self, name, **how):
        self.page.screenshot(path=OUT / f"{name}.png", **how)

    def test_the_watch_sees_what_is_forbidden(self):
        page = self.opened(SMALL)
        page.evaluate("""() => {
            const script = document.createElement("script");
            try { script.textContent = "document.title = 'taken'"; } catch { console.error("trusted types"); }
            const image = document.createElement("img");
            image.src = "https://woodgrove.example/x.png";
            document.body.append(image);
        }""")
        self.until("document.images[0].complete")
        seen = "\n".join(self.wrong)
        for what in ("trusted types", "policy img-src", "request: https://woodgrove.example/x.png"):
            self.assertIn(what, seen)
        self.wrong.clear()

    def test_opens_fast(self):
        self.assertLess(path(LARGE).stat().st_size, PAGE_BYTES)
        for count in (SMALL, LARGE):
            def usable():
                took = self.opened(count).evaluate("watched.usable")
                self.page.context.close()
                return took

            took, all_of_it = best(usable)
            print(f"{count:,} changes: usable after {all_of_it}")
            self.assertLess(took, OPEN_MS)

    def answer(self, act):
        """Milliseconds from the last input of an act to its painted answer."""
        self.page.evaluate("watched.answers = []")
        act()
        self.until("watched.answers.length")
        return self.page.evaluate("watched.answers.at(-1)")

    def test_finds_fast_and_everything(self):
        all_rows = rows(LARGE, "changes")
        page = self.opened(LARGE)
        words = page.get_by_label("Find", exact=True).first
        for question in ("e", "novakova", "held disable", "Łódź", '"row 4"', "1000", "nobody has this"):
            wanted = [folded(word) for word in (re.findall('"(.*)"', question) or question.split())]
            right = sum(all(any(word in text for text in row) for word in wanted) for row in all_rows)

            def last_letter():
                words.fill(question[:-1])
                words.press("End")
                return self.answer(lambda: page.keyboard.type(question[-1]))

            took, all_of_it = best(last_letter)
            print(f"found {right:,} of {len(all_rows):,} for {question!r} in {all_of_it}")
            expect(self.find().locator(".count")).to_contain_text(f"{right:,} of {len(all_rows):,} actions match")
            self.assertLess(took, FIND_MS)
        words.fill("")
        status = self.select("status")
        places = itertools.cycle([self.option(status, value) for value in ("held", "done", "waiting", "failed")])
        took, all_of_it = best(lambda: self.answer(lambda: status.select_option(next(places))))
        print(f"narrowed to a status in {all_of_it}")
        self.assertLess(took, FIND_MS)
        self.shot("large-narrowed")

    def test_every_row_can_be_reached(self):
        page = self.opened(LARGE)
        total = len(rows(LARGE, "changes"))
        pager = self.find().locator(".pager")
        expect(self.drawn()).to_have_count(PAGE_ROWS)
        pager.get_by_role("button", name="Last").click()
        expect(self.drawn()).to_have_count(total % PAGE_ROWS or PAGE_ROWS)
        expect(pager.locator(".count")).to_contain_text(f"to {total:,}")
        expect(pager.get_by_role("button", name="Next")).to_be_disabled()
        last = self.drawn().last.locator("th bdi").inner_text()
        page.get_by_role("button", name="Person", exact=True).first.click()
        page.get_by_role("button", name="Person", exact=True).first.click()
        expect(self.drawn().first.locator("th bdi")).to_have_text(last)

    def test_the_banner_leads_to_the_rows(self):
        page = self.opened(LARGE)
        page.get_by_role("link", name=re.compile("stale$")).click()
        expect(self.drawn().locator(".chip").first).to_have_text("stale")
        expect(self.select("status").locator("option:checked")).to_contain_text("stale")
        expect(page.get_by_label("Find", exact=True).first).to_be_focused()
        page.get_by_role("link", name="duplicate_conflict").click()
        expect(self.drawn("findings").first).to_contain_text("duplicate_conflict")

    def test_works_by_keyboard(self):
        page = self.opened(LARGE)
        keyboard = page.keyboard
        focused = lambda: page.evaluate("document.activeElement.matches('.find[data-table=changes] input')")
        for _ in range(60):
            keyboard.press("Tab")
            if focused():
                break
        self.assertTrue(focused(), "the field comes by Tab")
        keyboard.type("user.create")
        expect(self.find().locator(".count")).to_contain_text("match")
        expect(self.find().get_by_role("status")).to_contain_text("match")
        keyboard.press("Tab")
        expect(self.select("status")).to_be_focused()
        keyboard.type("done")
        expect(self.drawn().first.locator(".chip")).to_have_text("done")
        for name, sort, first in (("ascending", "Enter", True), ("descending", "Space", False)):
            for _ in range(12):
                if page.evaluate("document.activeElement.textContent") == "Person":
                    break
                keyboard.press("Tab")
            keyboard.press(sort)
            expect(page.locator("th[data-sort=person][aria-sort]").first).to_have_attribute("aria-sort", name)
            people = [int(text) for text in self.drawn().locator("th bdi").all_inner_texts()]
            self.assertEqual(people, sorted(people, reverse=not first))
        for _ in range(12):
            keyboard.press("Shift+Tab")
            if page.evaluate("document.activeElement.textContent") == "Next":
                break
        keyboard.press("Enter")
        expect(self.find().locator(".count")).to_contain_text("rows 51 to 100")

    def test_values_are_text(self):
        for count, how in ((SMALL, {}), (LARGE, {}), (SMALL, {"java_script_enabled": False}), (SMALL, {"viewport": NARROW})):
            page = self.opened(count, **how)
            for n, value in enumerate(HOSTILE):
                item = self.drawn().nth(n).locator("li", has_text="displayName").locator("bdi")
                texts = item.all_text_contents()
                self.assertIn(value, texts, f"{count} {how}")
            self.assertEqual(page.locator("main img, main script").count(), 0)
            self.assertNotIn("taken", page.title())
            text = page.locator("body").text_content()
            self.assertIsNone(re.search("[\u202a-\u202e\u2066-\u2069\u200b\0\x1b]", re.sub(r"(?s)\{\"strings.*", "", text)))
            # Neither ten thousand letters nor one word of that length make the page wider than the window.
            wide = "document.documentElement.scrollWidth <= innerWidth"
            self.assertTrue(page.evaluate(wide), f"{count} {how}")
            if how.get("java_script_enabled", True):
                long = self.drawn().nth(6).locator("details", has_text="10000 characters").first
                long.locator("summary").click()
                expect(long.locator("> bdi")).to_be_visible()
                self.assertTrue(page.evaluate(wide), f"{count} {how}")

    def test_nothing_serious_for_assistive_technology(self):
        for name, how in (
            ("desktop", {}),
            ("desktop-dark", {"color_scheme": "dark"}),
            ("phone", {"viewport": NARROW, "has_touch": True}),
            ("phone-dark", {"viewport": NARROW, "color_scheme": "dark"}),
            ("forced-colors", {"forced_colors": "active"}),
            ("stripped", {"kind": "stripped"}),
        ):
            for count in (SMALL, LARGE) if name in ("desktop", "phone-dark") else (SMALL,):
                page = self.opened(count, **how)
                if count == LARGE:
                    page.get_by_role("link", name=re.compile("failed$")).click()
                    self.shot(f"large-{name}")
                found = page.evaluate(AXE + "; axe.run(document, {resultTypes: ['violations']}).then((it) => it.violations)")
                if count == SMALL:
                    self.shot(f"small-{name}", full_page=True)
                told = [f"{it['impact']} {it['id']}: {it['nodes'][0]['html'][:160]} ({len(it['nodes'])})" for it in found]
                for line in told:
                    print(f"axe, {count:,} changes, {name}: {line}")
                self.assertEqual([line for line in told if line.startswith(("serious", "critical"))], [])

    def test_prints_what_is_asked_for(self):
        page = self.opened(LARGE)
        self.select("status").select_option(self.option(self.select("status"), "failed"))
        severity = self.select("severity", "findings")
        severity.select_option(self.option(severity, "info"))
        page.pdf(path=OUT / "print.pdf", format="A4")
        self.until("watched.printed.length")
        printed = {it["table"]: it for it in page.evaluate("watched.printed")}
        failed = sum(row[9] == "failed" for row in rows(LARGE, "changes"))
        self.assertEqual(printed["changes"]["rows"], min(failed, PRINTED))
        self.assertIn("match: failed", printed["changes"]["said"])
        for table, most in (("findings", PRINTED), ("proof", PRINTED_UNASKED)):
            self.assertEqual(printed[table]["rows"], most)
            self.assertIn(f"printed: the first {most:,}", printed[table]["said"])
        expect(self.drawn()).to_have_count(PAGE_ROWS)
        page.emulate_media(media="print")
        for hidden in (".fields", ".hint", "nav", ".pager button"):
            self.assertEqual(page.locator(f"{hidden}:visible").count(), 0, hidden)
        self.shot("print")

    def test_is_whole_without_scripts(self):
        for how in ({"java_script_enabled": False}, {"kind": "stripped"}):
            page = self.opened(LARGE, **how)
            self.assertEqual(page.locator("table.changes tbody tr").count(), WITHOUT_SCRIPTS)
            self.assertEqual(page.locator(".find:visible").count(), 0)
            note = page.locator("section", has=page.locator("#changes")).locator(".cut")
            self.assertIn(f"The first {WITHOUT_SCRIPTS} of", note.inner_text())
            self.assertEqual(page.locator("table.changes tbody tr").first.locator(".chip").text_content(), "failed")


if __name__ == "__main__":
    BINARY = sys.argv.pop(1)
    unittest.main(verbosity=2)
