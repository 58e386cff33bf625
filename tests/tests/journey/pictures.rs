//! The pictures of the guide. Each is taken here, of the real application in a real browser, in the state that the guide tells
//! of, and is compared with the one that is there.
//!
//! `NOVA_UPDATE_PICTURES=1` writes them to `docs/images`, and the words on them beside this file: pixels differ with the fonts
//! of a machine, words do not.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use base64::prelude::{BASE64_STANDARD, Engine as _};
use nova_tests::guide::{self, Page as GuidePage};
use serde_json::Value;

use crate::kit::{Browser, Page, Project};

/// What has to be seen of a picture from far away: the light of each of 16 by 10 fields of both, and how much of 255 they may
/// differ, in one field and on average. Another font moves a line or two of text; another page is another thing altogether.
const FAR_AWAY: &str = "async (...pictures) => {
    const [columns, rows] = [16, 10];
    const seen = await Promise.all(pictures.map(async (png) => {
        const picture = new Image();
        picture.src = 'data:image/png;base64,' + png;
        await picture.decode();
        const { width, height } = picture;
        const context = new OffscreenCanvas(width, height).getContext('2d');
        context.drawImage(picture, 0, 0);
        const { data } = context.getImageData(0, 0, width, height);
        const fields = Array(columns * rows).fill(0);
        for (let y = 0; y < height; y += 1) for (let x = 0; x < width; x += 1) {
            const field = Math.floor(y * rows / height) * columns + Math.floor(x * columns / width);
            const at = 4 * (y * width + x);
            fields[field] += (data[at] + data[at + 1] + data[at + 2]) / 3 * (columns * rows) / (width * height);
        }
        return { size: width + ' x ' + height, fields };
    }));
    const differences = seen[0].fields.map((light, field) => Math.abs(light - seen[1].fields[field]));
    return {
        sizes: seen.map(({ size }) => size),
        most: Math.max(...differences),
        mean: differences.reduce((sum, one) => sum + one) / differences.length,
    };
}";
const MOST: f64 = 32.0;
const MEAN: f64 = 5.0;

/// Where pictures are taken and compared.
struct Studio<'a> {
    browser: &'a Browser,
    table: Page<'a>,
    taken: BTreeSet<String>,
    wrong: Vec<String>,
}

impl<'a> Studio<'a> {
    fn new(browser: &'a Browser) -> Self {
        Self {
            browser,
            table: browser.open("data:text/html,<!doctype html>"),
            taken: BTreeSet::new(),
            wrong: Vec::new(),
        }
    }

    /// A page of the application, as large as its picture is to be.
    fn open(&self, path: &str, width: u32, height: u32) -> Page<'a> {
        let page = self.browser.open(&format!("http://localhost:8080{path}"));
        page.resize(width, height, "light");
        page
    }

    /// Takes a picture of a page, on which nothing lies outside of it to the right, and notes the words of some elements.
    #[track_caller]
    fn takes(&mut self, name: &str, page: &Page<'_>, elements: &str) {
        page.sees("document.documentElement.scrollWidth <= innerWidth");
        // No caret that is there and not there by turns.
        page.evaluate("document.documentElement.style.caretColor = 'transparent'");
        self.keeps(name, page.picture(), &words(page, elements));
    }

    /// Lays two pages beside each other, as the windows of two people.
    #[track_caller]
    fn takes_both(&mut self, name: &str, pages: [&Page<'_>; 2], (width, height): (u32, u32), elements: &str) {
        let words = pages.map(|page| words(page, elements)).concat();
        let images = pages.map(|page| {
            page.evaluate("document.documentElement.style.caretColor = 'transparent'");
            let png = BASE64_STANDARD.encode(page.picture());
            format!("<img src=\"data:image/png;base64,{png}\" style=\"outline: 1px solid silver\">")
        });
        let both = self.browser.open("data:text/html,<!doctype html>");
        both.resize(2 * width + 12, height, "light");
        both.evaluate(&format!(
            "document.body.style = 'margin: 0; display: flex; gap: 12px'; document.body.innerHTML = '{}'",
            images.concat()
        ));
        both.sees("[...document.images].every(image => image.complete && image.naturalWidth > 0)");
        self.keeps(name, both.picture(), &words);
        both.close();
    }

    /// Writes the picture and its words, or compares them with those that are there.
    #[track_caller]
    fn keeps(&mut self, name: &str, picture: Vec<u8>, words: &str) {
        assert!(self.taken.insert(name.to_owned()), "{name} was taken twice");
        let path = directory().join(name).with_extension("png");
        let file = guide::root()
            .join("tests/tests/journey/pictures")
            .join(name)
            .with_extension("txt");
        if std::env::var_os("NOVA_UPDATE_PICTURES").is_some() {
            fs::create_dir_all(directory()).unwrap();
            fs::write(path, picture).unwrap();
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, words).unwrap();
            return;
        }
        let before = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        if before != words {
            self.wrong.push(format!("{name} says\n{words}\nand said\n{before}"));
        }
        let kept = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        if let Err(difference) = self.compares(&kept, &picture) {
            self.wrong.push(format!("{name}: {difference}"));
        }
    }

    /// Says how two pictures differ, where they are not alike.
    #[track_caller]
    fn compares(&self, one: &[u8], other: &[u8]) -> Result<(), Value> {
        let [one, other] = [one, other].map(|png| BASE64_STANDARD.encode(png));
        let seen = self.table.evaluate(&format!("({FAR_AWAY})('{one}', '{other}')"));
        let is_alike = seen["sizes"][0] == seen["sizes"][1]
            && seen["most"].as_f64().unwrap() <= MOST
            && seen["mean"].as_f64().unwrap() <= MEAN;
        if is_alike { Ok(()) } else { Err(seen) }
    }
}

/// The words of some elements, also of those in the overlay.
#[track_caller]
fn words(page: &Page<'_>, elements: &str) -> String {
    let found = page.evaluate(&format!(
        "[document, document.querySelector('nova-overlay')?.shadowRoot]
            .flatMap((root) => [...(root?.querySelectorAll({elements:?}) ?? [])])
            .map((element) => element.innerText + '\\n').join('')"
    ));
    found.as_str().unwrap().to_owned()
}

fn directory() -> PathBuf {
    guide::root().join("docs/images")
}

/// The code of a page of the guide, by what is in it.
fn code(page: &str, text: &str) -> String {
    let blocks = GuidePage::read(&Path::new("docs").join(page)).blocks();
    let block = blocks.into_iter().find(|block| block.text.contains(text));
    block.expect("the page has that code").text
}

/// An application with a chat, accounts, an interface that describes itself, and a controller with a mistake.
fn tea_house() -> Project {
    let project = Project::new_with("tea-house", &["--auth"]);
    for args in ["ws-handler chat", "controller teas show --at /teas"] {
        project.nova(&format!("gen {args}")).succeeded();
    }
    project.edit(
        "src/controllers/teas.rs",
        "pub async fn show(Path(id): Path<String>) -> Reply {\n    Reply::view(json!({\n        \"title\": \"Teas: show\",\n        \"id\": id,\n    }))",
        "pub async fn show(Path(id): Path<String>) -> nova::Result<Reply> {\n    let id: u64 = id.parse()?;\n    Ok(Reply::view(json!({ \"title\": \"Teas\", \"id\": id })))",
    );
    project.write("src/users.rs", &code("openapi.md", "JsonSchema"));
    project.edit("src/lib.rs", "pub mod ws;", "mod users;\npub mod ws;");
    project.edit(
        "src/routes.rs",
        "    Routes::new()",
        "    Routes::new().mount(\"/\", crate::users::routes())",
    );
    let manifest = project.read("Cargo.toml");
    let (before, nova) = manifest.split_once("package = \"nova-framework\"").unwrap();
    let (line, after) = nova.split_once('\n').unwrap();
    let line = line.trim_end_matches(" }");
    let features = "features = [\"openapi\"] }\nschemars = \"1\"";
    project.write(
        "Cargo.toml",
        &format!("{before}package = \"nova-framework\"{line}, {features}\n{after}"),
    );
    project
}

/// Whether the page shows a text, be it in a shadow.
fn shows(text: &str) -> String {
    format!("document.body.innerText.includes({text:?})")
}

#[test]
fn the_guide_shows_what_there_is() {
    let project = tea_house();
    let mut serve = project.serve();
    let Some(browser) = Browser::start_for(serve.address()) else {
        return;
    };
    let mut studio = Studio::new(&browser);

    let welcome = studio.open("/", 800, 560);
    welcome.sees(&shows("Your application is up."));
    studio.takes("welcome", &welcome, "main");

    let form = studio.open("/register", 800, 440);
    form.sees("document.querySelector('input[name=password]') !== null");
    form.evaluate("document.querySelector('input[name=name]').value = 'ali'");
    studio.takes("register", &form, "main");
    // A page that lacks a part is another one, however far away one stands.
    let whole = form.picture();
    assert_eq!(studio.compares(&whole, &form.picture()), Ok(()));
    form.evaluate("document.querySelector('form').hidden = true");
    let without = form.picture();
    assert!(studio.compares(&whole, &without).is_err(), "no difference is seen");
    form.close();

    let chat = [(); 2].map(|()| studio.open("/chat/lobby", 440, 360));
    for (page, text) in chat.iter().zip(["Is the tea ready?", "In a minute."]) {
        page.sees("document.querySelector('#state').dataset.state === 'open'");
        page.types(text);
        for page in &chat {
            page.sees(&shows(text));
        }
    }
    for page in &chat {
        // What was said comes back to who has said it: open, sent, and received twice.
        page.sees("document.querySelectorAll('#log li').length === 4");
    }
    studio.takes_both(
        "chat",
        [&chat[0], &chat[1]],
        (440, 360),
        "h1, #log li > :nth-child(2), button",
    );

    let dashboard = studio.open("/__nova/", 1120, 440);
    dashboard.sees("document.querySelector('tbody')?.innerText.includes('/chat/{room}')");
    dashboard.evaluate("document.querySelector('tbody button').click()");
    dashboard.sees("document.querySelector('#tail h2').innerText === 'chat:lobby'");
    dashboard.evaluate("dispatchEvent(new KeyboardEvent('keydown', { key: '5' }))");
    dashboard.sees("document.querySelector('tbody')?.innerText.includes('server.port')");
    dashboard.evaluate("dispatchEvent(new KeyboardEvent('keydown', { key: '1' }))");
    dashboard.sees("document.querySelector('tbody')?.innerText.includes('/chat/{room}')");
    chat[1].types("Now it is.");
    dashboard.sees("document.querySelector('#tail')?.innerText.includes('Now it is.')");
    studio.takes("dashboard", &dashboard, "dt, th, [role=tab], #tail h2, #tail pre");
    dashboard.close();
    chat.into_iter().for_each(Page::close);

    let openapi = studio.open("/__nova/openapi", 900, 520);
    openapi.sees(&shows("Adds somebody"));
    studio.takes("openapi", &openapi, "header, main");
    openapi.close();

    let error = studio.open("/teas/oolong", 900, 500);
    error.sees(&shows("invalid digit found in string"));
    error.sees(&shows("let id: u64 = id.parse()?;"));
    studio.takes("error", &error, "main header, .source");

    project.edit(
        "src/controllers/home.rs",
        "async fn index() -> Reply {",
        "async fn index() -> Reply {\n    let name = 7 + tea;",
    );
    let overlay = "document.querySelector('nova-overlay')?.shadowRoot.querySelector('.panel')?.innerText";
    welcome.sees(&format!("{overlay}?.includes('cannot find value')"));
    serve.says("still serving the previous build");
    welcome.resize(800, 560, "light");
    studio.takes("overlay", &welcome, ".panel");

    assert_eq!(
        studio.wrong,
        Vec::<String>::new(),
        "NOVA_UPDATE_PICTURES=1 takes them anew"
    );
    let pictures = fs::read_dir(directory()).unwrap().map(|entry| entry.unwrap().path());
    let there: BTreeSet<_> = pictures
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    assert_eq!(there, studio.taken);
}
