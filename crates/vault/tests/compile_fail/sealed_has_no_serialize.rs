use chuangsha_vault::Sealed;

fn main() {
    let sealed: Sealed<String> = Sealed::from_bytes(vec![1, 2, 3]);
    let _ = serde_json::to_string(&sealed);
}
