//! Connections behind handles.

use tls_record::{Config, Connection, ConnectionSet, InvalidHandle, Role};
use tls_record_tests::records::{Layer, Secret};

#[test]
fn gsk_invalid_handle_when_it_is_stale_or_foreign() {
    type Set = ConnectionSet<Connection<Secret, 128>, 3>;
    let connection = || Connection::new(Layer::new(Config::new(Role::Client)));
    let (mut set, mut other) = (Set::new(1), Set::new(2));
    let (first, foreign) = (set.insert(connection()).unwrap(), other.insert(connection()).unwrap());
    assert_ne!(first, foreign);
    let is_invalid = |set: &mut Set, handle| {
        set.get(handle).is_err_and(|error| error == InvalidHandle)
            && set.get_mut(handle).is_err_and(|error| error == InvalidHandle)
            && set.remove(handle).is_err_and(|error| error == InvalidHandle)
    };
    assert!(is_invalid(&mut set, foreign) && is_invalid(&mut other, first));
    assert!(set.get(first).is_ok() && set.get_mut(first).is_ok());
    assert!(set.remove(first).is_ok());
    // After removal the handle is stale, even if another connection has its place.
    assert!(is_invalid(&mut set, first));
    let mut stale = vec![first];
    for _ in 0..100 {
        let next = set.insert(connection()).unwrap();
        assert!(!stale.contains(&next));
        assert!(stale.iter().all(|&stale| is_invalid(&mut set, stale)));
        assert!(set.get(next).is_ok(), "the new handle is still valid");
        set.remove(next).unwrap();
        stale.push(next);
    }
    assert!(set.is_empty() && other.len() == 1);
    // A place that this set never had.
    let mut large = ConnectionSet::<u8, 4>::new(1);
    let handles = [0, 1, 2, 3].map(|value| large.insert(value).unwrap());
    assert!(is_invalid(&mut set, handles[3]));
}

#[test]
fn a_full_set_gives_the_connection_back() {
    let mut set = ConnectionSet::<u8, 3>::new(0);
    let handles = [10, 11, 12].map(|value| set.insert(value).unwrap());
    assert_eq!(set.insert(13), Err(13));
    assert_eq!((set.len(), set.is_empty()), (3, false));
    for (handle, value) in handles.iter().zip([10, 11, 12]) {
        assert_eq!(set.get(*handle), Ok(&value));
    }
    let all: Vec<_> = set.iter_mut().map(|(handle, value)| (handle, *value)).collect();
    assert_eq!(all, handles.into_iter().zip([10, 11, 12]).collect::<Vec<_>>());
    assert_eq!(set.remove(handles[1]), Ok(11));
    let fourth = set.insert(13).unwrap();
    assert_eq!(set.insert(14), Err(14));
    *set.get_mut(fourth).unwrap() += 1;
    let values: Vec<_> = set.iter_mut().map(|(_, value)| *value).collect();
    assert_eq!(values, [10, 14, 12]);
    assert_eq!(ConnectionSet::<u8, 0>::new(0).insert(1), Err(1));
}
