use std::marker::PhantomData;

use chuangsha_vault::Revealed;

fn main() {
    let _: Revealed<String> = Revealed { text: String::new().into(), of: PhantomData };
}
