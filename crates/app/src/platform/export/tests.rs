//! The forms: what goes in comes out, in every program that opens it.

use std::io::Cursor;

use calamine::{Data, Reader, Xlsx};

use super::{
    About, Format,
    csv::guarded,
    maker::{Maker, Stand},
};

fn about() -> About {
    About {
        title: "登记单/Orders[1]".into(),
        sheet: "说明".into(),
        facts: vec![
            ("列表".into(), "登记单".into()),
            ("导出人工号".into(), "D&0005".into()),
            ("导出时间".into(), "2026-11-22 09:30:00".into()),
        ],
        heads: vec![("单号".into(), 12), ("姓名 <b>".into(), 24)],
        mark: String::new(),
    }
}

/// Long numbers, rare characters, what XML and spreadsheets trip over.
fn odd() -> Vec<Vec<String>> {
    let cell = |text: &str| text.to_owned();
    vec![
        vec![cell("00123456789012345678"), cell("㼆𠮷鿃")],
        vec![cell("=HYPERLINK(\"http://x\",\"y\")"), cell("a&b<c>\"d\"'e'")],
        vec![cell("two\r\nlines\tand a tab"), cell("bell \u{7} and _x0041_")],
        vec![cell(""), cell("  blanks  ")],
        vec![cell("2026-11-22 09:30:00"), cell("¥1,234.56")],
    ]
}

/// The file in pieces: the maker forgets everything but its stand between two of them, as two processes would.
fn file(format: Format, pages: &[&[Vec<String>]]) -> Vec<u8> {
    let about = about();
    let mut maker = Maker::new(format, &about, Stand::default());
    let mut bytes = maker.head();
    let mut stand = serde_json::to_string(&maker.stand).unwrap();
    for page in pages {
        let mut maker = Maker::new(format, &about, serde_json::from_str(&stand).unwrap());
        bytes.extend(maker.lines(page));
        stand = serde_json::to_string(&maker.stand).unwrap();
    }
    bytes.extend(Maker::new(format, &about, serde_json::from_str(&stand).unwrap()).tail());
    bytes
}

/// The same file from one maker that never stopped.
fn unbroken(format: Format, pages: &[&[Vec<String>]]) -> Vec<u8> {
    let about = about();
    let mut maker = Maker::new(format, &about, Stand::default());
    let mut bytes = maker.head();
    for page in pages {
        bytes.extend(maker.lines(page));
    }
    bytes.extend(maker.tail());
    bytes
}

fn open(bytes: Vec<u8>) -> (Vec<String>, Vec<Vec<Data>>, Vec<Vec<Data>>) {
    let mut book: Xlsx<_> = Xlsx::new(Cursor::new(bytes)).unwrap();
    let names = book.sheet_names();
    let rows = |book: &mut Xlsx<_>, name: &str| book.worksheet_range(name).unwrap().rows().map(<[Data]>::to_vec).collect::<Vec<_>>();
    let (data, said) = (rows(&mut book, &names[0]), rows(&mut book, &names[1]));
    (names, data, said)
}

#[test]
fn a_workbook_gives_every_cell_back_as_the_text_it_was() {
    let lines = odd();
    let (names, data, said) = open(file(Format::Xlsx, &[&lines[..2], &lines[2..2], &lines[2..]]));
    assert_eq!(names, ["登记单 Orders 1", "说明"]);
    assert_eq!(data[0], [Data::String("单号".into()), Data::String("姓名 <b>".into())]);
    for (row, line) in data[1..].iter().zip(&lines) {
        for (cell, text) in row.iter().zip(line) {
            let text = text.replace('\u{7}', "\u{fffd}").replace("_x0041_", "_x005F_x0041_");
            // Readers differ in what `_x005F_` is to them; none may read a letter out of it.
            let read = match cell {
                Data::String(read) => read.replace("_x0041_", "_x005F_x0041_").replace("_x005F_x005F_", "_x005F_"),
                Data::Empty => String::new(),
                other => panic!("not a text: {other:?}"),
            };
            assert_eq!(read.replace("\r\n", "\n"), text.replace("\r\n", "\n"));
        }
    }
    assert_eq!(data.len(), lines.len() + 1);
    assert_eq!(said[1], [Data::String("导出人工号".into()), Data::String("D&0005".into())]);
}

#[test]
fn a_file_is_the_same_however_often_its_maker_died() {
    let line = |number: u32| vec![format!("R{number:06}"), format!("张** {number}")];
    let lines: Vec<_> = (0..10_000).map(line).collect();
    let pages: Vec<&[Vec<String>]> = lines.chunks(100).collect();
    for format in Format::ALL {
        assert_eq!(file(format, &pages), unbroken(format, &pages), "{format:?}");
    }
    let (_, data, _) = open(file(Format::Xlsx, &pages));
    assert_eq!((data.len(), &data[10_000][0]), (10_001, &Data::String("R009999".into())));
}

#[test]
fn rare_characters_survive_every_encoding() {
    let lines = odd();
    let text = |format| String::from_utf8(file(format, &[&lines])).unwrap();
    assert!(text(Format::CsvBom).starts_with('\u{feff}'));
    assert_eq!(text(Format::CsvBom).trim_start_matches('\u{feff}'), text(Format::Csv));
    let bytes = file(Format::CsvGb18030, &[&lines]);
    let (read, _, broken) = encoding_rs::GB18030.decode(&bytes);
    assert!(!broken);
    assert_eq!(read, text(Format::Csv));
    for rare in ["㼆", "𠮷", "鿃"] {
        assert!(read.contains(rare), "{rare}");
    }
    // Read back by a reader of CSV.
    let mut reader = ::csv::ReaderBuilder::new().from_reader(text(Format::Csv).into_bytes().leak() as &[u8]);
    let rows: Vec<Vec<String>> = reader.records().map(|row| row.unwrap().iter().map(ToOwned::to_owned).collect()).collect();
    assert_eq!(rows[0], lines[0]);
    assert_eq!(rows[2][0], lines[2][0]);
    assert_eq!(rows[1][0], format!("'{}", lines[1][0]));
}

#[test]
fn nothing_is_calculated_by_whoever_opens_it() {
    for sign in ["=", "+", "-", "@", "＝", "＋", "－", "＠", "\t", "\r", "\n", " =", "\u{200b}=", "\u{a0}@", "\u{feff}+"] {
        let text = format!("{sign}cmd|'/c calc'!A0");
        assert_eq!(guarded(&text), format!("'{text}"), "{sign:?}");
    }
    for plain in ["", "张**", "138****1234", "a=b", "1-2", "·", "—"] {
        assert_eq!(guarded(plain), plain);
    }
}
